// A bar chart as SVG, readable on light and dark pages, made of text alone.
// In: rows with a name, a group and a value. Out: the picture's source; the same rows, the same bytes.

const rowHeight = 22;
const barHeight = 14;
const labelWidth = 250;
const barsWidth = 430;
const width = labelWidth + barsWidth + 110;
const top = 54;

/**
 * @param {{ title: string, unit: string, rows: { name: string, group: string, value: number, ratio?: number }[],
 *   mark?: { value: number, label: string } }} chart `mark` is drawn as a line through all bars
 */
export function barChart({ title, unit, rows, mark }) {
  const longest = Math.max(...rows.map(({ value }) => value), mark?.value ?? 0);
  const scale = (value) => (value / longest) * barsWidth;
  const height = top + rows.length * rowHeight + 16;
  const bars = rows.map((row, n) => bar(row, top + n * rowHeight, scale));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.small { fill: #57606a }
.spillway { fill: #1f883d } .peer { fill: #8c959f } .floor { fill: #0969da }
line { stroke: #0969da; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } line { stroke: #4493f8 }
.spillway { fill: #3fb950 } .peer { fill: #6e7681 } .floor { fill: #4493f8 }
}
</style>
<text class="title" x="8" y="22">${escaped(title)}</text>
<text class="small" x="8" y="40">${escaped(unit)}${mark ? `; dashed: ${escaped(mark.label)}` : ''}</text>
${bars.join('\n')}
${mark ? markLine(labelWidth + scale(mark.value), height) : ''}</svg>
`;
}

function bar({ name, group, value, ratio }, y, scale) {
  const end = labelWidth + scale(value);
  const figure = `${value.toFixed(1)}${ratio === undefined ? '' : ` (×${ratio.toFixed(2)})`}`;
  return [
    `<text x="${labelWidth - 8}" y="${y + 11}" text-anchor="end">${escaped(name)}</text>`,
    `<rect class="${group}" x="${labelWidth}" y="${y}" width="${scale(value).toFixed(1)}" height="${barHeight}" rx="2"/>`,
    `<text class="small" x="${(end + 6).toFixed(1)}" y="${y + 11}">${figure}</text>`,
  ].join('');
}

function markLine(x, height) {
  return `<line x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${top - 6}" y2="${height - 12}"/>\n`;
}

function escaped(text) {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
