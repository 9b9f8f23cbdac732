// Rows of figures as a table, for the terminal and for Markdown.

export const fixed = (digits) => (value) => (value === undefined ? '–' : value.toFixed(digits));
const count = (value) => (value === undefined ? '–' : value.toLocaleString('en-US'));

/** Title, value, how it is shown. A column in which no row has a value is left out. */
const figures = [
  ['CPU µs/record', ({ cpuUs }) => cpuUs, fixed(2)],
  ['× floor', ({ cpuRatio }) => cpuRatio, fixed(2)],
  ['main µs/record', ({ mainUs }) => mainUs, fixed(2)],
  ['µs/call mean', ({ meanCallUs }) => meanCallUs, fixed(2)],
  ['median', ({ callUs }) => callUs, fixed(2)],
  ['worst block ms', ({ worstBlockMs }) => worstBlockMs, fixed(0)],
  ['loop p99 ms', ({ loopP99Ms }) => loopP99Ms, fixed(1)],
  ['RSS peak MB', ({ peakRssMb }) => peakRssMb, fixed(0)],
  ['settled', ({ settledRssMb }) => settledRssMb, fixed(0)],
  ['wire B/record', (row) => (row.ships ? row.wireBytes : undefined), fixed(0)],
  ['disk B/record', (row) => (row.ships ? row.diskBytes : undefined), fixed(0)],
  ['arrives p50 ms', ({ latencyP50Ms }) => latencyP50Ms, fixed(0)],
  ['p99', ({ latencyP99Ms }) => latencyP99Ms, fixed(0)],
  ['exit ms', ({ exitMs }) => exitMs, fixed(0)],
  ['lost', (row) => (row.ships ? row.lost : undefined), count],
  ['twice', (row) => (row.ships ? row.duplicates : undefined), count],
];

function cellsOf(rows, columns) {
  const shown = columns.filter(([, value]) => rows.some((row) => value(row) !== undefined));
  const titles = ['', ...shown.map(([title]) => title)];
  return [titles, ...rows.map((row) => [nameOf(row), ...shown.map(([, value, show]) => show(value(row)))])];
}

const nameOf = ({ name, died }) => (died ? `${name} †` : name);

/** Plain text, aligned. */
export function textTable(rows, columns = figures) {
  const cells = cellsOf(rows, columns);
  const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  const deaths = rows.filter(({ died }) => died).map(({ name, died }) => `† ${name} ${died}`);
  return [...cells.map(line), ...deaths].join('\n');
}

/** The same in Markdown. */
export function markdownTable(rows, columns = figures) {
  const [titles, ...rest] = cellsOf(rows, columns);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(titles), `|---|${'---:|'.repeat(titles.length - 1)}`, ...rest.map(line)].join('\n');
}
