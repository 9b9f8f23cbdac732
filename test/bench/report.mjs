// From the raw costs of all rounds to medians, ratios to the floor, and a table for people.

/** Medians per contender; the ratio is the median of the ratios within each round. */
export function summarize(results, floor) {
  return Object.entries(results).map(([name, runs]) => {
    const perRecord = (run) => run.cpuUs / Math.max(run.unique, 1);
    return {
      name,
      cpuUsPerRecord: median(runs.map(perRecord)),
      ratio: median(runs.map((run, round) => perRecord(run) / perRecord(results[floor][round]))),
      callUs: median(runs.map((run) => run.callUs)),
      worstBlockMs: median(runs.map((run) => run.worstBlockMs)),
      maxRssMb: median(runs.map((run) => run.maxRssMb)),
      wallMs: median(runs.map((run) => run.wallMs)),
      wireBytesPerRecord: median(runs.map((run) => run.wireBytes / Math.max(run.unique, 1))),
      requests: median(runs.map((run) => run.requests)),
      lost: Math.max(...runs.map((run) => run.lost)),
      duplicates: Math.max(...runs.map((run) => run.duplicates)),
    };
  });
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const columns = [
  ['', ({ name }) => name],
  ['CPU µs/record', (row) => row.cpuUsPerRecord.toFixed(2)],
  ['× floor', (row) => row.ratio.toFixed(2)],
  ['µs/call', (row) => row.callUs.toFixed(2)],
  ['worst block ms', (row) => row.worstBlockMs.toFixed(0)],
  ['peak RSS MB', (row) => row.maxRssMb.toFixed(0)],
  ['wall ms', (row) => row.wallMs.toFixed(0)],
  ['wire B/record', (row) => row.wireBytesPerRecord.toFixed(0)],
  ['lost', (row) => String(row.lost)],
  ['duplicates', (row) => String(row.duplicates)],
];

/** A table in plain text. */
export function table(rows, machine) {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, show]) => show(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
  );
  const { records, rounds, node, cpus, cpu } = machine;
  const about = `${records} records in a burst, medians of ${rounds} interleaved rounds, Node ${node}, ${cpus} × ${cpu}`;
  return `${about}\n\n${lines.join('\n')}\n`;
}
