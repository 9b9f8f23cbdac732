import { afterEach, describe, expect, it, vi } from 'vitest';
import { spillway } from './in-process.js';
import { planStream, planTarget } from './options.js';

const to = ['http', { url: 'http://127.0.0.1:1' }] as const;

afterEach(() => vi.unstubAllEnvs());

it('splits the options and ignores what pino adds', () => {
  expect(planTarget({ to, batch: { lingerMs: 5 }, pinoWillSendConfig: true, $context: {} })).toEqual({
    routes: [{ to, pipeline: { batch: { lingerMs: 5 } } }],
    keys: { levels: {} },
    shutdown: 'manual',
    worker: false,
    gathers: true,
    warns: true,
    blocks: false,
  });
});

it('asks for a destination where no options are given', () => {
  expect(() => planTarget(undefined)).toThrow("Expected `to` to be a transport's name and its options");
});

it('says which key was meant', () => {
  expect(() => planTarget({ to, bacth: {} })).toThrow('Unknown option `bacth`: did you mean `batch`?');
  expect(() => planStream({ to, shutdwon: 'auto' } as never)).toThrow('did you mean `shutdown`?');
});

it('refuses a deadline longer than pino waits for a worker', () => {
  expect(() => planTarget({ to, close: { deadlineMs: 9001 } })).toThrow('`close.deadlineMs` to be at most 9000');
  expect(planStream({ to, close: { deadlineMs: 60_000 } }).routes[0]?.pipeline.close).toEqual({ deadlineMs: 60_000 });
});

it('refuses to block where pino would not wait', () => {
  const queue = { whenFull: 'block' } as const;
  expect(() => planTarget({ to, queue })).toThrow("Expected `queue.whenFull` to be 'dropOldest' | 'dropNewest'");
  expect(() => spillway({ to, queue })).toThrow('worker: true');
  expect(planStream({ to, queue, worker: true }).blocks).toBe(true);
});

it('lets the environment have the last word', () => {
  vi.stubEnv('SPILLWAY_TO', 'stdout');
  vi.stubEnv('SPILLWAY_SHUTDOWN', 'auto');
  expect(planStream({ to }).routes[0]?.to).toEqual(['stdout', {}]);
  expect(planStream({ to }).shutdown).toBe('auto');
  expect(planTarget({ to }).shutdown).toBe('manual');
});

describe('routes', () => {
  const other = ['stdout', {}] as const;

  it('have what is said for all of them, unless they say otherwise', () => {
    const { routes, blocks, gathers, warns } = planStream({
      routes: [
        { kind: 'audit', to, spool: { directory: '/a', durability: 'sync' }, warnings: 'off' },
        { level: 'warn', continue: true, to: other, batch: { lingerMs: 9 } },
      ],
      batch: { lingerMs: 5, maxRecords: 7 },
      warnings: 'off',
    });
    expect(routes).toEqual([
      {
        to,
        match: { kind: 'audit', level: undefined, continue: false },
        pipeline: {
          batch: { lingerMs: 5, maxRecords: 7 },
          spool: { directory: '/a', durability: 'sync' },
          warnings: 'off',
        },
      },
      {
        to: other,
        match: { kind: undefined, level: 40, continue: true },
        pipeline: { batch: { lingerMs: 9, maxRecords: 7 }, warnings: 'off' },
      },
    ]);
    expect({ blocks, gathers, warns }).toEqual({ blocks: false, gathers: false, warns: false });
  });

  it('say which of them is wrong, all at once', () => {
    const wrong = () =>
      planStream({
        routes: [
          { to, queue: { maxBytes: 1 } },
          { kynd: 'audit', kind: 'a b', to: other },
        ],
      } as never);
    expect(wrong).toThrow('`routes[0].queue.maxBytes`');
    expect(wrong).toThrow('Unknown option `routes[1].kynd`: did you mean `routes[1].kind`?');
    expect(wrong).toThrow('Expected `routes[1].kind` to be up to 64 letters');
    expect(() => planStream({ routes: [] })).toThrow('Expected `routes` to be a list of 1 to 16 routes, got an array');
    expect(() => planStream({ routes: [{ to, level: 'loud' }] })).toThrow('`routes[0].level`');
    expect(() => planStream({ routes: [{ level: 30 }] } as never)).toThrow('Expected `routes[0].to`');
    expect(() => planStream({ to, routes: [{ to }] } as never)).toThrow('Expected `to` or `routes`, got both');
    expect(() => spillway({ routes: [{ to }, { to: ['loki', {}] }] })).toThrow('In `routes[1]`: Expected `loki.url`');
    expect(() => spillway({ routes: [{ to: other, batch: { maxBytes: '9gb' } }] })).toThrow('In `routes[0]`');
  });

  it('know the levels of the logger that are named in the options', () => {
    const { routes } = planStream({ routes: [{ level: 'Loud', to }], keys: { levels: { LOUD: 55 } } });
    expect(routes[0]?.match?.level).toBe(55);
  });

  it('obey the bounds of where they run, each of them', () => {
    const queue = { whenFull: 'block' } as const;
    expect(() =>
      spillway({
        routes: [
          { kind: 'a', to },
          { to, queue },
        ],
      }),
    ).toThrow('worker: true');
    expect(planStream({ routes: [{ to }, { to, queue }], worker: true }).blocks).toBe(true);
    const spool = { directory: '/a', durability: 'sync' } as const;
    expect(() => planTarget({ routes: [{ to, spool }] })).toThrow('`spool.durability`');
    expect(() => planTarget({ routes: [{ to, close: { deadlineMs: 9001 } }] })).toThrow('at most 9000');
  });

  it('take the place of one destination, and give it back, in whatever comes later', () => {
    vi.stubEnv('SPILLWAY_ROUTES', '[{"kind":"audit","to":["stdout",{}]}]');
    expect(planStream({ to }).routes).toMatchObject([{ to: other, match: { kind: 'audit' } }]);
    vi.stubEnv('SPILLWAY_ROUTES', '');
    vi.stubEnv('SPILLWAY_TO', 'stdout');
    expect(planStream({ routes: [{ to }, { to }] }).routes).toEqual([{ to: other, pipeline: {} }]);
  });
});
