import { afterEach, expect, it, vi } from 'vitest';
import { spillway } from './in-process.js';
import { planStream, planTarget } from './options.js';

const to = ['http', { url: 'http://127.0.0.1:1' }] as const;

afterEach(() => vi.unstubAllEnvs());

it('splits the options and ignores what pino adds', () => {
  expect(planTarget({ to, batch: { lingerMs: 5 }, pinoWillSendConfig: true, $context: {} })).toEqual({
    to,
    pipeline: { batch: { lingerMs: 5 } },
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
  expect(planStream({ to, close: { deadlineMs: 60_000 } }).pipeline.close).toEqual({ deadlineMs: 60_000 });
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
  expect(planStream({ to }).to).toEqual(['stdout', {}]);
  expect(planStream({ to }).shutdown).toBe('auto');
  expect(planTarget({ to }).shutdown).toBe('manual');
});
