// Label sets as Prometheus and Loki write them: {app="shop", env="prod"}.
// In: names and values. Out: text, sorted by name, so that the same labels are always the same bytes.

/** A label set literal. */
export function labelSet(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escapeLabel(labels[name]!)}"`);
  return `{${pairs.join(', ')}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
}

/** A field's name as a label's: letters, digits and underscores, not starting with a digit. */
export function labelName(field: string): string {
  return field.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}
