// The plain logger beside pino: the same calls must give the same lines.
import { hostname } from 'node:os';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lines } from '../test-kit/lines.js';
import { createLogger, type Logger } from './logger.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const failure = Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'E_NO' });
const calls: [string, (log: Logger) => void][] = [
  ['a message', (log) => log.info('hello')],
  ['fields', (log) => log.info({ a: 1, b: 'x', c: true, d: null, e: [1, 'y'], f: { g: 1.5 } }, 'hello')],
  ['fields alone', (log) => log.info({ a: 1 })],
  ['placeholders', (log) => log.info('%s is %d and %i, %j %o %% %s', 'x', 1.5, 2.7, { a: 1 }, { b: 2 }, 'end')],
  ['placeholders behind fields', (log) => log.warn({ a: 1 }, 'of %s', 'b')],
  ['too few arguments', (log) => log.warn('of %s and %s', 'b')],
  ['an error', (log) => log.error(failure)],
  ['an error with a message', (log) => log.error(failure, 'failed')],
  ['an error among fields', (log) => log.error({ err: failure, n: 1 })],
  ['quotes, newlines, unicode', (log) => log.info({ text: '"\\\n\u2028é漢😀' }, 'a "b"\n')],
  ['undefined and functions', (log) => log.info({ a: undefined, f: () => 1, n: Number.NaN }, 'x')],
  ['dates', (log) => log.info({ at: new Date(0) }, 'x')],
  ['children', (log) => log.child({ module: 'm', n: 1 }).child({ part: 'p' }).info({ a: 1 }, 'x')],
  [
    'all levels',
    (log) =>
      (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const).forEach((level) => {
        log[level]('x');
      }),
  ],
  ['a level of a child', (log) => log.child({}, { level: 'error' }).warn('x')],
  ['data as the message', (log) => log.info({ a: 1 }, { b: 2 } as never)],
  ['nothing', (log) => log.info(undefined as never, 'x')],
];

describe('createLogger', () => {
  it.each(calls)('writes the bytes that pino writes: %s', (_name, call) => {
    const [ours, theirs] = [new Lines(), new Lines()];
    call(createLogger({ level: 'debug', destination: ours }));
    call(pino({ level: 'debug' }, theirs) as unknown as Logger);
    expect(ours.raw).toEqual(theirs.raw);
  });

  it('never throws, whatever it is given', () => {
    const lines = new Lines();
    const log = createLogger({ destination: lines });
    const cycle: Record<string, unknown> = { big: 2n ** 80n };
    cycle.self = cycle;
    log.info(cycle, 'cycle %s %d %j', cycle, Symbol('s'), cycle);
    log.info(
      {
        get a(): never {
          throw new Error('x');
        },
      },
      'getter',
    );
    log.info(
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('x');
          },
        },
      ),
    );
    log.info(Object.create(null) as object, 'bare');
    log
      .child({
        get b(): never {
          throw new Error('x');
        },
      })
      .info('child');
    log.info({}, Object.create(null) as never);
    log.info({}, {
      toString: () => {
        throw new Error('x');
      },
    } as never);
    log.info({ huge: 'x'.repeat(10_000_000), buffer: Buffer.alloc(5_000_000) }, 'y'.repeat(10_000_000));
    expect(lines.all()).toMatchObject([
      { self: { self: '[circular]' } },
      { a: '[unreadable]' },
      { _unreadable: true },
      { msg: 'bare' },
      { b: '[unreadable]' },
      { msg: {} },
      { msg: {} },
      {},
    ]);
    expect(lines.raw.at(-1)!.length).toBeLessThan(50_000);
  });

  it('cuts a line that is too long, whatever its many fields', () => {
    const lines = new Lines();
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`key${n}`, 'x'.repeat(1000)]));
    createLogger({ destination: lines }).warn(many, 'many');
    createLogger({ destination: lines, redact: { maxLineLength: 1000, maxLength: 500 } }).warn(
      { a: 'x'.repeat(400), b: 'y'.repeat(400), c: 'z'.repeat(400) },
      'large',
    );
    expect(lines.raw[0]!.length).toBeLessThan(262_144);
    expect(lines.raw[1]!.length).toBeLessThan(1000);
    expect(lines.all()).toMatchObject(
      [
        { level: 40, time: 1_700_000_000_000, _truncated: /^line of 5\d{6}$/ },
        { level: 40, time: 1_700_000_000_000, _truncated: /^line of 1\d{3}$/ },
      ].map(({ _truncated, ...line }) => ({ ...line, _truncated: expect.stringMatching(_truncated) })),
    );
  });

  it('survives a destination that throws, and warns once', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const log = createLogger({
      destination: {
        write: () => {
          throw new Error('EPIPE');
        },
      },
    });
    log.info('a');
    log.info('b');
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it('redacts, and keeps what is its own', () => {
    const lines = new Lines();
    createLogger({ destination: lines, base: { service: 's', token: 'hunter2' } }).info(
      { level: 99, time: 1, msg: 'fake', password: 'hunter2', 'redis://:hunter2@h': 1 },
      'url https://u:hunter2@h %s',
      'token=hunter2',
    );
    expect(lines.all()).toEqual([
      {
        level: 30,
        time: 1_700_000_000_000,
        service: 's',
        token: '[Redacted]',
        _level: 99,
        _time: 1,
        _msg: 'fake',
        password: '[Redacted]',
        'redis://[Redacted]@h': 1,
        msg: 'url https://[Redacted]@h token=[Redacted]',
      },
    ]);
  });

  it('changes the level of children with its own, until they have one', () => {
    const lines = new Lines();
    const log = createLogger({ destination: lines });
    const [child, fixed] = [log.child({ c: 1 }), log.child({ c: 2 }, { level: 'warn' })];
    log.level = 'debug';
    expect([log.level, child.level, fixed.level]).toEqual(['debug', 'debug', 'warn']);
    expect(child.isLevelEnabled('debug')).toBe(true);
    child.debug('yes');
    fixed.debug('no');
    log.level = 'silent';
    child.fatal('no');
    expect(lines.all()).toMatchObject([{ c: 1, msg: 'yes' }]);
    expect(() => {
      log.level = 'loud' as never;
    }).toThrow('Expected `level` to be one of');
    expect(() => createLogger({ dest: lines } as object)).toThrow(
      'Unknown option `logger.dest`, did you mean `destination`?',
    );
  });

  it('names the process and the host unless told otherwise', () => {
    const lines = new Lines();
    createLogger({ destination: lines }).info('x');
    createLogger({ destination: lines, base: null }).info('x');
    expect(lines.all()).toEqual([
      { level: 30, time: 1_700_000_000_000, pid: process.pid, hostname: hostname(), msg: 'x' },
      { level: 30, time: 1_700_000_000_000, msg: 'x' },
    ]);
  });
});
