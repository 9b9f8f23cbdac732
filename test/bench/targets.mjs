// What we want to be true, and whether the figures say so. In: the results file. Out: one line a target that the
// results can answer: what it is about, the measured value, the limit, and whether it is met. Of the burst there are two
// values, that of a process that has just started, and `warm`, that of one that runs for a while.

const ways = ['worker', 'own thread', 'in process'];
const worker = 'spillway worker http';
const ownThread = 'spillway own thread http';
const inProcess = 'spillway in process http';
const floor = 'pino → worker → /dev/null';
const sonicBoom = 'pino → sonic-boom → /dev/null';

/** @param {object} results as `results.mjs` saves them */
export function judged(results) {
  const { burst, warm } = results.scenarios ?? {};
  const running = new Map(ofBurst(warm).map(({ title, value }) => [title, value]));
  return [...ofBurst(burst), ...everywhere(results.scenarios ?? {}), ...wholeWay(results.way)]
    .filter(({ value }) => Number.isFinite(value))
    .map((target) => ({ ...target, warm: running.get(target.title) }))
    .map((target) => ({ ...target, met: target.value <= target.limit, metWarm: target.warm <= target.limit }));
}

function ofBurst(scenario) {
  if (!scenario) return [];
  const row = (name) => scenario.rows.find((row) => row.name === name) ?? {};
  const cpu = (name) => row(name).cpuUs;
  const against = (title, name, other, limit) => ({ title, value: cpu(name) / cpu(other), limit, unit: '×' });
  const limits = { http: 1.1, loki: 1.15, elasticsearch: 1.15, otlp: 1.6, 'otlp raw': 1.2 };
  const protocols = Object.entries(limits).flatMap(([protocol, limit]) => {
    const name = `spillway worker ${protocol}`;
    const added = row(`${name} compressed`).cpuRatio - row(name).cpuRatio;
    return [
      { title: `CPU, worker, ${protocol}, to the floor`, value: row(name).cpuRatio, limit, unit: '×' },
      { title: `what compression adds to it, ${protocol}`, value: added, limit: 0.15, unit: '×' },
    ];
  });
  return [
    ...protocols,
    against('CPU, worker, Loki, to pino-loki', 'spillway worker loki', 'pino-loki', 0.5),
    against(
      'CPU, worker, Elasticsearch, to pino-elasticsearch',
      'spillway worker elasticsearch',
      'pino-elasticsearch',
      0.5,
    ),
    against(
      'CPU, worker, OTLP, to pino-opentelemetry-transport',
      'spillway worker otlp',
      'pino-opentelemetry-transport',
      0.5,
    ),
    against('CPU, worker, OTLP, to the OpenTelemetry SDK', 'spillway worker otlp', 'OpenTelemetry SDK', 1),
    against('CPU, worker, HTTP, to LogLayer', worker, 'LogLayer', 1),
    { title: 'CPU, own thread, HTTP, to the floor', value: row(ownThread).cpuRatio, limit: 0.95, unit: '×' },
    {
      title: 'mean time of a log call, own thread, to the floor',
      value: row(ownThread).meanCallUs / row(floor).meanCallUs,
      limit: 0.85,
      unit: '×',
    },
    // And of the whole main thread: both hand over in turns of their own, behind the calls.
    {
      title: "main thread's CPU a record, own thread, to the floor",
      value: row(ownThread).mainRatio,
      limit: 0.85,
      unit: '×',
    },
    against('CPU, in process, HTTP, to LogLayer', inProcess, 'LogLayer', 0.9),
    ...ways.slice(0, 2).map((way) => ({
      title: `mean time of a log call, ${way}, to pino → sonic-boom`,
      value: row(`spillway ${way} http`).meanCallUs / row(sonicBoom).meanCallUs,
      limit: 1,
      unit: '×',
    })),
    ...ways.map((way) => ({
      title: `longest block of the main thread, ${way}`,
      value: row(`spillway ${way} http`).worstBlockMs,
      limit: 25,
      unit: 'ms',
    })),
    ...ways.map((way) => ({
      title: `peak memory, ${way}, to the floor`,
      value: row(`spillway ${way} http`).peakRatio,
      limit: 1.2,
      unit: '×',
    })),
  ];
}

function everywhere(scenarios) {
  const all = Object.values(scenarios);
  const lost = all.flatMap(({ rows }) => rows.filter(({ group }) => group === 'spillway').map(({ lost }) => lost));
  const peak = (scenario, name) => scenarios[scenario]?.rows.find((row) => row.name === name)?.peakRssMb;
  return [
    {
      title: 'records lost, all our rows in all scenarios',
      value: all.length > 0 ? Math.max(0, ...lost) : Number.NaN,
      limit: 0,
      unit: '',
    },
    ...[worker, ownThread, inProcess].map((name) => ({
      title: `peak memory in the outage above that of the steady rate, ${name.slice('spillway '.length)}`,
      value: peak('outage', name) - peak('steady', name),
      limit: 32,
      unit: 'MB',
    })),
    ...all.flatMap(({ title, rows }) => {
      const p99 = (name) => rows.find((row) => row.name === name)?.loopP99Ms;
      return [worker, ownThread].map((name) => ({
        title: `event-loop delay p99 above the floor's, ${name.slice('spillway '.length)}, ${title.toLowerCase()}`,
        value: p99(name) - p99(floor),
        limit: 1,
        unit: 'ms',
      }));
    }),
  ];
}

/** Like with like: who posts lines with who posts lines, who parses with who parses. */
const counterparts = {
  'stdout → file → rsyslog': 'spillway worker elasticsearch',
  'stdout → file → OpenTelemetry Collector': 'spillway worker otlp raw',
  'stdout → file → OpenTelemetry Collector, parsing': 'spillway worker otlp',
};

function wholeWay(way) {
  if (!way) return [];
  const cpu = (name) => way.rows.find((row) => row.name === name)?.cpuUs;
  return Object.entries(counterparts).map(([agent, own]) => ({
    title: `CPU, ${own.slice('spillway '.length)}, to ${agent}`,
    value: cpu(own) / cpu(agent),
    limit: 0.4,
    unit: '×',
  }));
}
