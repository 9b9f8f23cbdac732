// From the raw figures of all rounds to medians and ratios to the floor.

const perRecord = {
  cpuUs: ({ cpuUs, unique }) => cpuUs / (unique || Number.NaN),
  mainUs: ({ mainUs, unique }) => mainUs / (unique || Number.NaN),
  wireBytes: ({ wireBytes, unique }) => wireBytes / (unique || Number.NaN),
  diskBytes: ({ diskBytes, unique }) => diskBytes / (unique || Number.NaN),
};
const asMeasured = [
  'callUs',
  'meanCallUs',
  'worstBlockMs',
  'loopP99Ms',
  'peakRssMb',
  'settledRssMb',
  'latencyP50Ms',
  'latencyP99Ms',
  'requests',
  'wallMs',
  'exitMs',
];

/**
 * One row a contender. The ratios are to the floor's runs `beside` each run; losses and duplicates are the worst round's.
 * @param {{ name: string, group: string }[]} contenders
 * @param {Record<string, object[]>} runs by name
 */
export function summarize(contenders, runs) {
  return contenders.map(({ name, group, ships }) => {
    const own = runs[name];
    const figures = {};
    for (const [key, of] of Object.entries(perRecord)) figures[key] = median(own.map(of));
    for (const key of asMeasured) figures[key] = median(own.map((run) => run[key]));
    const ratio = (of) => median(own.map((run) => of(run) / mean(run.beside.map(of))));
    return {
      name,
      group,
      ships,
      ...figures,
      cpuRatio: ratio(perRecord.cpuUs),
      mainRatio: ratio(perRecord.mainUs),
      peakRatio: ratio(({ peakRssMb }) => peakRssMb),
      lost: Math.max(...own.map(({ lost }) => lost)),
      duplicates: Math.max(...own.map(({ duplicates }) => duplicates)),
      died: own.find(({ died }) => died)?.died,
    };
  });
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the numbers among the values; undefined if there are none. */
export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
