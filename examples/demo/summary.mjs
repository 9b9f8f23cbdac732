// What the demo tells a person at its end.

const whole = (value) => Math.round(value).toLocaleString('en');

/** A short report in plain text. */
export function summary({
  logged,
  requests,
  seconds,
  stats,
  cpuUsPerRecord,
  maxRssMb,
  eventLoopP99Ms,
  viewer,
  problems,
}) {
  const { accepted, acked, dropped, rejected, batches, sends } = stats;
  const lines = [
    `An Express service logged ${whole(logged)} records while it answered ${whole(requests)} requests in ${seconds.toFixed(1)} s.`,
    `They went through pino and Spillway's worker to ${stats.transport} (${stats.destination}).`,
    '',
    `  accepted     ${whole(accepted.records)} records, ${(accepted.bytes / 1e6).toFixed(1)} MB`,
    `  acked        ${whole(acked.records)} in ${whole(batches.sealed)} batches, ${whole(sends.retries)} retries`,
    `  lost         ${whole(dropped.records)} dropped, ${whole(rejected.records)} rejected`,
    `  rate         ${whole(logged / seconds)} records/s, ${whole(requests / seconds)} requests/s`,
    `  CPU          ${cpuUsPerRecord.toFixed(1)} µs per record: the whole service, Express included`,
    `  memory       ${whole(maxRssMb)} MB at most`,
    `  event loop   ${eventLoopP99Ms.toFixed(1)} ms at the 99th percentile`,
    '',
    ...problems.map((problem) => `  PROBLEM      ${problem}`),
    viewer ? `  Look at them: ${viewer.url}` : `  Look at them in your own ${stats.transport}.`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}
