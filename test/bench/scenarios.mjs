// What happens to the contenders: how many records of which kind come how fast, and how the receiver behaves meanwhile.
// `perSecond` unset: as fast as the calls return. `faults` are modes of the receiver at times since the first call. `warmUp`:
// so many records are logged and delivered before the measurement begins.
// `rounds` and `who` are what runs unless the command line says otherwise.

const main = [
  'floor:',
  'peer:',
  'spillway: !compressed !raw worker',
  'spillway: !compressed own http',
  'spillway: !compressed process http',
];

export const scenarios = {
  burst: {
    title: 'Burst',
    about: 'as fast as the calls return',
    records: 300_000,
    rounds: 5,
  },
  warm: {
    title: 'Burst in a process that runs',
    about: 'as fast as the calls return, after 100,000 that were delivered before the measurement begins',
    records: 300_000,
    warmUp: 100_000,
    rounds: 5,
    who: ['floor:', 'peer:', 'spillway: worker', 'spillway: own http', 'spillway: process http'],
  },
  steady: {
    title: 'Steady rate',
    about: '4,000 records a second, after ten seconds of the same',
    records: 60_000,
    warmUp: 40_000,
    perSecond: 4000,
    rounds: 3,
    who: main,
  },
  slow: {
    title: 'Slow backend',
    about: '4,000 records a second, each request answered after 500 ms',
    records: 60_000,
    perSecond: 4000,
    faults: [{ atMs: 0, mode: { kind: 'slow', ms: 500 } }],
    rounds: 1,
    who: main,
  },
  outage: {
    title: 'Outage and recovery',
    about: '4,000 records a second for 25 s; from second 2 to 22 connections are refused, then the backend is back',
    records: 100_000,
    perSecond: 4000,
    faults: [
      { atMs: 2000, mode: { kind: 'refuse' } },
      { atMs: 22_000, mode: { kind: 'ok' } },
    ],
    // Longer than most contenders wait between two attempts; who waits longer says so.
    patienceMs: 32_000,
    rounds: 1,
    who: main,
  },
  big: {
    title: 'Big records',
    about: 'as fast as the calls return, 64 KiB each',
    records: 2000,
    workload: 'text',
    bytes: 65_536,
    rounds: 3,
    who: main,
  },
  tiny: {
    title: 'Tiny records',
    about: 'as fast as the calls return, about 90 bytes each',
    records: 500_000,
    workload: 'tiny',
    rounds: 3,
    who: main,
  },
  children: {
    title: 'Many children',
    about: 'as fast as the calls return, through 1,000 child loggers with two fields of their own',
    records: 200_000,
    workload: 'children',
    rounds: 3,
    who: main,
  },
  exit: {
    title: 'Exit',
    about:
      '`process.exit()` right after the last call; then a process with the same settings starts, where the first one may have left something on disk',
    records: 20_000,
    ends: 'exit',
    patienceMs: 15_000,
    rounds: 3,
    who: main.filter((text) => text !== 'floor:'),
  },
};

/** A scenario with everything filled in. */
export function scenarioOf(name, overrides = {}) {
  const scenario = scenarios[name];
  if (!scenario) throw new Error(`no scenario is named ${name}; there are ${Object.keys(scenarios).join(', ')}`);
  return {
    workload: 'request',
    bytes: 270,
    warmUp: 0,
    faults: [],
    patienceMs: 5000,
    who: [],
    ...scenario,
    name,
    ...overrides,
  };
}
