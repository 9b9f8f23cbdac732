// Configuration files of the servers. In: a template of `config/` and its values. Out: the file in a server's folder.
// Always true: every `@NAME@` of the template has a value, or this throws.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('config/', import.meta.url));

/** The text of `config/<name>.template`. */
export function configText(name: string): string {
  return readFileSync(join(folder, `${name}.template`), 'utf8');
}

/** Writes `config/<name>.template`, filled in, to `dir/<name>` and returns its path. */
export function renderConfig(name: string, dir: string, values: Readonly<Record<string, string | number>>): string {
  const path = join(dir, name);
  const filled = configText(name).replace(/@([A-Z_]+)@/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`config/${name}.template: no value for @${key}@`);
    return String(value);
  });
  writeFileSync(path, filled);
  return path;
}
