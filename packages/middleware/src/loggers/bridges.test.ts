// winston, LogTape and the console, the real ones, writing lines.
import { configure, getLogger, reset } from '@logtape/logtape';
import { afterEach, describe, expect, it } from 'vitest';
import winston from 'winston';
import { runInContext } from '../context/current.js';
import { fingersCrossed } from '../context/fingers-crossed.js';
import { Lines } from '../test-kit/lines.js';
import { captureConsole } from './console.js';
import { logtapeSink } from './logtape.js';
import { winstonTransport } from './winston.js';

const SECRET = 'hunter2';

/** Logs from many contexts that run at once. */
async function contexts(lines: Lines, log: (n: number) => void): Promise<void> {
  await Promise.all(
    Array.from({ length: 500 }, (_, n) =>
      runInContext(
        { n },
        async () => {
          await new Promise((resolve) => setImmediate(resolve));
          log(n);
          await Promise.resolve();
          log(n);
        },
        { requestId: `r-${n}` },
      ),
    ),
  );
  const mine = lines.all().filter(({ mine }) => mine !== undefined);
  expect(mine.length).toBe(1000);
  expect(
    mine.filter(({ mine: n, n: context, request_id }) => n !== context || request_id !== `r-${n}`).slice(0, 3),
  ).toEqual([]);
}

describe('winston', () => {
  const create = (options: Partial<winston.LoggerOptions> = {}, own: Parameters<typeof winstonTransport>[0] = {}) => {
    const lines = new Lines();
    const logger = winston.createLogger({
      level: 'debug',
      transports: [winstonTransport({ destination: lines, ...own })],
      ...options,
    });
    return { lines, logger };
  };

  it('writes entries of all levels with their fields', () => {
    const { lines, logger } = create();
    logger.error('e', { a: 1 });
    logger.warn('w');
    logger.info('i', { user: { password: SECRET } });
    logger.verbose(`token=${SECRET}`);
    logger.child({ module: 'm' }).debug('d');
    logger.silly('no');
    expect(lines.all()).toMatchObject([
      { level: 50, msg: 'e', a: 1, pid: process.pid },
      { level: 40, msg: 'w' },
      { level: 30, msg: 'i', user: { password: '[Redacted]' } },
      { level: 20, msg: 'token=[Redacted]' },
      { level: 20, msg: 'd', module: 'm' },
    ]);
    expect(lines.raw[0]).toMatch(/^\{"level":50,"time":\d{13},"pid":\d+,/);
  });

  it('writes errors as pino does, whatever the formats', () => {
    const { lines, logger } = create({
      format: winston.format.combine(winston.format.errors({ stack: true }), winston.format.colorize()),
    });
    logger.error(new TypeError('no way'));
    logger.error('failed', new RangeError('too far'));
    expect(lines.all()).toMatchObject([
      { level: 50, msg: 'no way', err: { type: 'TypeError', message: 'no way' } },
      { level: 50, msg: 'failed too far', err: { type: 'RangeError', message: 'too far' } },
    ]);
    expect((lines.all()[0]!.err as { stack: string }).stack).toContain('bridges.test.ts');
  });

  it('has a level of its own, can be silent, knows syslog and custom levels', () => {
    const syslog = create({ levels: winston.config.syslog.levels, level: 'debug' }, { level: 'warning' });
    syslog.logger.log('emerg', 'a');
    syslog.logger.log('warning', 'b');
    syslog.logger.log('notice', 'c');
    expect(syslog.lines.all().map(({ level, msg }) => [level, msg])).toEqual([
      [60, 'a'],
      [40, 'b'],
    ]);
    const custom = create({ levels: { boom: 0, hum: 1 }, level: 'hum' }, { levels: { boom: 55, hum: 25 } });
    custom.logger.log('boom', 'x');
    custom.logger.log('hum', 'y');
    expect(custom.lines.all().map(({ level }) => level)).toEqual([55, 25]);
    const silent = create({}, { silent: true });
    silent.logger.error('x');
    expect(silent.lines.raw).toEqual([]);
    expect(() => winstonTransport({ lvl: 'x' } as object)).toThrow('Unknown option `winston.lvl`');
  });

  it('knows the request that a line belongs to', async () => {
    const { lines, logger } = create();
    await contexts(lines, (mine) => logger.info('m', { mine }));
  });

  it('survives what cannot be written', () => {
    const { lines, logger } = create();
    const cycle: Record<string, unknown> = { big: 1n };
    cycle.self = cycle;
    logger.info('c', cycle);
    logger.info({ message: { deep: 1 }, level: 'info' } as never);
    logger.info({ message: cycle } as never);
    logger.info({ message: Object.create(null), level: 'info' } as never);
    expect(lines.all()).toMatchObject([
      { self: { self: '[circular]' } },
      { msg: '{"deep":1}' },
      { msg: '{"big":1,"self":"[circular]"}' },
      { msg: '{}' },
    ]);
  });
});

describe('LogTape', () => {
  afterEach(() => reset());

  it('writes records with category, properties and message', async () => {
    const lines = new Lines();
    await configure({
      sinks: { lines: logtapeSink({ destination: lines }) },
      loggers: [{ category: [], sinks: ['lines'], lowestLevel: 'debug' }],
    });
    const logger = getLogger(['shop', 'cart']);
    logger.info('paid {amount} by {who}', { amount: 5, who: { name: 'x', token: SECRET } });
    logger.warn`template ${'value'}`;
    logger.error('failed', { err: new TypeError('no') });
    logger.debug('api_key={k}', { k: SECRET });
    logger.trace('no');
    const all = lines.all().filter(({ logger: name }) => name === 'shop.cart');
    expect(all).toMatchObject([
      { level: 30, msg: 'paid 5 by {"name":"x","token":"[Redacted]"}', amount: 5, who: { token: '[Redacted]' } },
      { level: 40, msg: 'template value' },
      { level: 50, err: { type: 'TypeError', message: 'no' } },
      { level: 20, msg: 'api_key=[Redacted]' },
    ]);
    expect(JSON.stringify(all[0])).not.toContain(SECRET);
    expect(() => logtapeSink({ dest: 1 } as object)).toThrow('did you mean `destination`?');
  });

  it('survives properties that cannot be read', () => {
    const lines = new Lines();
    const record = { category: ['x'], level: 'info', message: ['m'], rawMessage: 'm', timestamp: 1 } as const;
    const properties = {
      get bad(): never {
        throw new Error('x');
      },
      good: 1,
    };
    logtapeSink({ destination: lines })({ ...record, properties });
    expect(lines.all()).toMatchObject([{ logger: 'x', bad: '[unreadable]', good: 1, msg: 'm' }]);
  });

  it('knows the request that a line belongs to, and holds lines back with fingers crossed', async () => {
    const lines = new Lines();
    const destination = fingersCrossed(lines);
    await configure({
      sinks: { lines: logtapeSink({ destination }) },
      loggers: [{ category: [], sinks: ['lines'], lowestLevel: 'debug' }],
    });
    const logger = getLogger('x');
    await contexts(lines, (mine) => logger.info('m', { mine }));
    lines.clear();
    runInContext({}, () => {
      logger.debug('held');
      logger.info('now');
      logger.error('bad');
    });
    expect(lines.all().map(({ msg }) => msg)).toEqual(['now', 'held', 'bad']);
  });
});

describe('console', () => {
  it('turns calls into lines until it is restored', () => {
    const lines = new Lines();
    const before = console.log;
    const restore = captureConsole({ destination: lines });
    try {
      console.log('hello %s', 'you', { a: 1, password: SECRET });
      console.info(1, true, null);
      console.warn(`https://u:${SECRET}@h/`);
      console.error('failed:', new TypeError(`no token=${SECRET}`));
      console.debug(new Map([['secret', SECRET]]));
      console.trace('here');
    } finally {
      restore();
    }
    expect(console.log).toBe(before);
    expect(lines.all()).toMatchObject([
      { level: 30, msg: "hello you { a: 1, password: '[Redacted]' }" },
      { level: 30, msg: '1 true null' },
      { level: 40, msg: 'https://[Redacted]@h/' },
      { level: 50, msg: 'failed: no token=[Redacted]', err: { type: 'TypeError', message: 'no token=[Redacted]' } },
      { level: 20, msg: "{ secret: '[Redacted]' }" },
      { level: 10, msg: 'here' },
    ]);
    expect(lines.raw.join()).not.toContain(SECRET);
  });

  it('does not loop where the destination prints, and passes through on request', () => {
    const printed: unknown[][] = [];
    const before = console.log;
    console.log = (...args: unknown[]) => {
      printed.push(args);
    };
    const lines = new Lines();
    const restore = captureConsole({
      passThrough: true,
      destination: {
        write(line) {
          console.log('printed by the destination');
          return lines.write(line);
        },
      },
    });
    console.log('once');
    restore();
    console.log = before;
    expect(printed).toEqual([['printed by the destination'], ['once']]);
    expect(lines.raw.length).toBe(1);
  });

  it('steps aside for whoever captured after it', () => {
    const lines = new Lines();
    const before = console.info;
    const seen: unknown[] = [];
    console.info = (...args: unknown[]) => {
      seen.push(args[0]);
    };
    const restore = captureConsole({ destination: lines });
    const ours = console.info;
    console.info = (...args: unknown[]) => ours(...args);
    restore();
    console.info('after');
    console.info = before;
    expect(seen).toEqual(['after']);
    expect(lines.raw).toEqual([]);
  });

  it('knows the request that a line belongs to', async () => {
    const lines = new Lines();
    const restore = captureConsole({ destination: lines });
    try {
      await Promise.all(
        [1, 2, 3].map((n) =>
          runInContext({ n }, async () => {
            await Promise.resolve();
            console.log('n %d', n);
          }),
        ),
      );
    } finally {
      restore();
    }
    expect(lines.all().map(({ n, msg }) => [n, msg])).toEqual([
      [1, 'n 1'],
      [2, 'n 2'],
      [3, 'n 3'],
    ]);
  });
});
