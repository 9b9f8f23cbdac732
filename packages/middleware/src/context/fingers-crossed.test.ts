// Held lines: when they are written, in which order and with which times, and what the limits do to them.
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../loggers/logger.js';
import { nodeReader } from '../node-request.js';
import { RequestLog } from '../request/request-log.js';
import { storage } from '../shared.js';
import { Lines } from '../test-kit/lines.js';
import { runInContext } from './current.js';
import { type FingersCrossedOptions, fingersCrossed } from './fingers-crossed.js';
import { withContext } from './pino.js';

function crossed(options: FingersCrossedOptions = {}) {
  const lines = new Lines();
  const destination = fingersCrossed(lines, options);
  return { lines, destination, logger: pino(withContext({ level: 'trace' }), destination) };
}

const msgs = (lines: Lines) => lines.all().map(({ msg }) => msg);

describe('fingersCrossed', () => {
  it('discards detail where all goes well, and where there is no request', () => {
    const { lines, logger, destination } = crossed();
    logger.debug('outside');
    runInContext({}, () => {
      logger.debug('detail');
      expect(destination.stats()).toMatchObject({ held: 1 });
      logger.info('news');
    });
    logger.warn('also');
    expect(msgs(lines)).toEqual(['news', 'also']);
    expect(destination.stats()).toEqual({ held: 0, heldBytes: 0, released: 0, discarded: 2, evicted: 0 });
  });

  it('writes the detail with its own times when an error is logged, and all that follows', async () => {
    const { lines, logger, destination } = crossed();
    await runInContext({ job: 1 }, async () => {
      logger.debug('first');
      await new Promise((resolve) => setTimeout(resolve, 20));
      logger.trace('second');
      logger.info('third');
      logger.error('oops');
      logger.debug('after');
    });
    expect(msgs(lines)).toEqual(['third', 'first', 'second', 'oops', 'after']);
    const times = lines.all().map(({ time }) => time);
    expect(times[1]).toBeLessThan(times[0]!);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(15);
    expect(lines.all().every(({ job }) => job === 1)).toBe(true);
    expect(destination.stats()).toMatchObject({ held: 0, released: 2, discarded: 0 });
  });

  it('keeps the lines of requests apart', async () => {
    const { lines, logger } = crossed();
    await Promise.all(
      [1, 2, 3].map((n) =>
        runInContext({ n }, async () => {
          logger.debug('detail');
          await new Promise((resolve) => setImmediate(resolve));
          if (n === 2) logger.error('bad');
        }),
      ),
    );
    expect(lines.all()).toMatchObject([
      { msg: 'detail', n: 2 },
      { msg: 'bad', n: 2 },
    ]);
    expect(lines.raw.length).toBe(2);
  });

  it('releases when work fails or is slow', async () => {
    const failing = crossed();
    await expect(
      runInContext({}, async () => {
        failing.logger.debug('detail');
        throw new Error('x');
      }),
    ).rejects.toThrow('x');
    expect(msgs(failing.lines)).toEqual(['detail']);
    expect(() =>
      runInContext({}, () => {
        failing.logger.debug('sync');
        throw new Error('y');
      }),
    ).toThrow('y');
    expect(msgs(failing.lines)).toEqual(['detail', 'sync']);
    const slow = crossed({ slowMs: 30 });
    await runInContext({}, async () => {
      slow.logger.debug('quick');
    });
    await runInContext({}, async () => {
      slow.logger.debug('slow');
      await new Promise((resolve) => setTimeout(resolve, 40));
    });
    expect(msgs(slow.lines)).toEqual(['slow']);
  });

  it('evicts the oldest lines of a request beyond its limit, counts them, and marks the gap', () => {
    const { lines, logger, destination } = crossed({ maxBytes: 1000 });
    runInContext({ n: 1 }, () => {
      for (let line = 0; line < 50; line++) logger.debug({ line }, 'detail');
      expect(destination.stats().heldBytes).toBeLessThanOrEqual(1000);
      logger.error('bad');
    });
    const [mark, ...kept] = lines.all();
    expect(mark).toMatchObject({
      level: 40,
      n: 1,
      evicted_lines: 50 - (kept.length - 1),
      msg: 'earlier held lines of this request were evicted',
    });
    expect(kept.at(-1)).toMatchObject({ msg: 'bad' });
    expect(kept.at(-2)).toMatchObject({ line: 49 });
    expect(destination.stats().evicted).toBe(mark!.evicted_lines);
  });

  it('takes room for a new request from the one that holds longest', async () => {
    const { lines, logger, destination } = crossed({ maxTotalBytes: 3000 });
    let finish = () => {};
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const works = Array.from({ length: 20 }, (_, n) =>
      runInContext({ n }, async () => {
        for (let line = 0; line < 5; line++) logger.debug('detail');
        await done;
        if (n === 0 || n === 19) logger.error('bad');
      }),
    );
    expect(destination.stats().heldBytes).toBeLessThanOrEqual(3000);
    finish();
    await Promise.all(works);
    expect(lines.all().filter(({ n }) => n === 0)).toMatchObject([{ evicted_lines: 5 }, { msg: 'bad' }]);
    expect(lines.all().filter(({ n, msg }) => n === 19 && msg === 'detail').length).toBe(5);
    expect(destination.stats()).toMatchObject({ held: 0, heldBytes: 0 });
  });

  it('tells a multistream the level of each line', () => {
    const all = new Lines();
    const errors = new Lines();
    const logger = pino(
      withContext({ level: 'debug' }),
      fingersCrossed(
        pino.multistream([
          { level: 'debug', stream: all },
          { level: 'error', stream: errors },
        ]),
      ),
    );
    runInContext({}, () => {
      logger.debug('detail');
      logger.error('bad');
    });
    expect(msgs(all)).toEqual(['detail', 'bad']);
    expect(msgs(errors)).toEqual(['bad']);
  });

  it('works for lines of other loggers, with numbers or labels as levels', () => {
    const lines = new Lines();
    const destination = fingersCrossed(lines);
    const logger = createLogger({ level: 'trace', destination });
    runInContext({}, () => {
      logger.debug('plain');
      destination.write('{"level":"debug","msg":"label"}\n');
      destination.write('no json\n');
      destination.write('{"level":"ERROR","msg":"bad"}\n');
    });
    expect(lines.raw.map((line) => line.match(/plain|label|no json|bad/)?.[0])).toEqual([
      'no json',
      'plain',
      'label',
      'bad',
    ]);
  });

  it('passes flush and end on', () => {
    const calls: string[] = [];
    const inner = {
      write: () => true,
      flush: (done?: () => void) => {
        calls.push('flush');
        done?.();
      },
      flushSync: () => {
        calls.push('flushSync');
      },
      end: () => {
        calls.push('end');
      },
    };
    const destination = fingersCrossed(inner);
    pino({}, destination).flush(() => calls.push('flushed'));
    destination.flushSync();
    destination.end();
    fingersCrossed(new Lines()).flush(() => calls.push('nothing to flush'));
    expect(calls).toEqual(['flush', 'flushed', 'flushSync', 'end', 'nothing to flush']);
  });

  it('respects the level that a request asked for', () => {
    const { lines, logger } = crossed();
    const log = new RequestLog(
      {
        logger,
        routeLevels: [
          { path: '/loud', level: 'debug' },
          { path: '/still', level: 'error' },
        ],
      },
      nodeReader,
    );
    for (const url of ['/loud', '/still', '/other']) {
      const context = log.open({ url, method: 'GET', headers: {} } as never, { headersSent: true } as never);
      storage.run(context, () => {
        logger.trace('trace');
        logger.debug('debug');
        logger.info('info');
        logger.error('error');
      });
    }
    expect(msgs(lines)).toEqual([
      'debug',
      'info',
      'trace',
      'error',
      'trace',
      'debug',
      'info',
      'error',
      'info',
      'trace',
      'debug',
      'error',
    ]);
  });

  it('names a wrong option', () => {
    expect(() => fingersCrossed(new Lines(), { maxByte: 1 } as object)).toThrow(
      'Unknown option `fingersCrossed.maxByte`, did you mean `maxBytes`?',
    );
    expect(() => fingersCrossed(new Lines(), { level: 'loud' as never })).toThrow(
      'Expected `fingersCrossed.level` to be one of',
    );
  });
});
