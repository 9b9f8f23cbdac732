// The context of a request on lines of pino, whatever the line is, and on those of other loggers.

import { createRequire } from 'node:module';
import { context as telemetry, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import pino10 from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger, type Logger } from '../loggers/logger.js';
import { storage } from '../shared.js';
import { Lines, pinoLines, until } from '../test-kit/lines.js';
import { addContext, addToRecord, countInRecord, recordError, requestContext, runInContext } from './current.js';
import { fingersCrossed } from './fingers-crossed.js';
import { contextMixin, withContext } from './pino.js';
import { contextHookOf } from './pino-parts.js';
import { harmlessId, uuidv7 } from './request-id.js';
import { parseTraceparent } from './trace-context.js';

const pino9 = createRequire(import.meta.url)('pino9') as typeof pino10;

describe.each([
  ['pino 10, withContext', (lines: Lines) => pino10(withContext({}), lines)],
  ['pino 9, withContext', (lines: Lines) => pino9(withContext({}), lines)],
  ['pino 10, mixin', (lines: Lines) => pino10({ mixin: contextMixin() }, lines)],
  ['pino 9, mixin', (lines: Lines) => pino9({ mixin: contextMixin() }, lines)],
  ['createLogger', (lines: Lines) => createLogger({ destination: lines })],
])('%s', (_name, create) => {
  const lines = new Lines();
  const logger = create(lines) as Logger;
  afterEach(() => lines.clear());

  it('adds the context to every kind of line', async () => {
    await runInContext(
      { job: 'import' },
      async () => {
        await Promise.resolve();
        logger.info('text');
        logger.info({ a: 1 }, 'fields');
        logger.error(new Error('oops'));
        logger.child({ part: 'x' }).info('child');
        addContext({ user: { id: 7 } });
        logger.info('more');
      },
      { requestId: 'job-1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' },
    );
    const all = lines.all();
    expect(all.map(({ msg }) => msg)).toEqual(['text', 'fields', 'oops', 'child', 'more']);
    for (const line of all) {
      expect(line).toMatchObject({
        request_id: 'job-1',
        job: 'import',
        trace_id: '0af7651916cd43dd8448eb211c80319c',
        span_id: 'b7ad6b7169203331',
        trace_flags: '00',
      });
    }
    expect(all[3]).toMatchObject({ part: 'x' });
    expect(all[4]).toMatchObject({ user: { id: 7 } });
    expect(all[1]).not.toHaveProperty('user');
  });

  it('adds nothing outside of one', () => {
    logger.info('alone');
    expect(Object.keys(lines.all()[0]!).sort()).toEqual(['hostname', 'level', 'msg', 'pid', 'time']);
    expect(addContext({ a: 1 })).toBe(false);
    expect(addToRecord({ a: 1 })).toBe(false);
    expect(recordError(new Error('x'))).toBe(false);
    expect(requestContext()).toBeUndefined();
  });

  it('keeps the parts of one request apart', async () => {
    await runInContext(
      { outer: 1 },
      () =>
        Promise.all(
          [1, 2, 3].map((part) =>
            runInContext({ part }, async () => {
              await new Promise((resolve) => setImmediate(resolve));
              logger.info({ mine: part }, 'part');
            }),
          ),
        ),
      { requestId: 'r' },
    );
    expect(lines.with('part').map(({ mine, part, outer, request_id }) => [mine === part, outer, request_id])).toEqual([
      [true, 1, 'r'],
      [true, 1, 'r'],
      [true, 1, 'r'],
    ]);
  });

  it('lets nobody overwrite what is reserved', () => {
    runInContext({ level: 'x', msg: 'y', request_id: 'z', ok: 1 }, () => logger.warn('m'), { requestId: 'mine' });
    expect(lines.all()).toMatchObject([
      { level: 40, msg: 'm', request_id: 'mine', _level: 'x', _msg: 'y', _request_id: 'z', ok: 1 },
    ]);
  });

  it('loses no key that objects treat in their own way', () => {
    runInContext({}, () => {
      addContext(JSON.parse('{"__proto__":{"a":1},"b":2}') as Record<string, unknown>);
      runInContext({ c: 3 }, () => logger.info('m'));
    });
    expect(lines.all()).toMatchObject([{ ___proto__: { a: 1 }, b: 2, c: 3 }]);
  });

  it('bounds what is added', () => {
    runInContext({ big: 'x'.repeat(15_000) }, () => {
      addContext({ more: 'y'.repeat(5_000), secret: 'hunter2' });
      logger.info('m');
    });
    const [line] = lines.all();
    expect(line).toMatchObject({ _truncated: true });
    expect(line).not.toHaveProperty('more');
    expect(lines.raw[0]!.length).toBeLessThan(17_000);
    expect(lines.raw[0]).not.toContain('hunter2');
  });

  it('has room for a value that changes as often as it likes', () => {
    runInContext({}, () => {
      for (let step = 0; step < 5000; step++) {
        addContext({ step });
        countInRecord('db_queries');
        countInRecord('level');
      }
      expect(requestContext()!.fields).toEqual({ step: 4999 });
      expect(storage.getStore()!.recordFields).toEqual({ db_queries: 5000, _level: 5000 });
    });
  });

  it('is recognized as carrying the context', () => {
    expect(contextHookOf(logger)).not.toBe('none');
    expect(contextHookOf(logger.child({ a: 1 }))).toBe(contextHookOf(logger));
  });
});

/** Work that begins when its `then` is called, each time anew, as the queries of databases do. */
function queryOf(work: () => Promise<string>): PromiseLike<string> & { runs: number } {
  const query: ReturnType<typeof queryOf> = {
    runs: 0,
    // biome-ignore lint/suspicious/noThenProperty: this is what it is about
    then(done, failed) {
      query.runs++;
      return work().then(done, failed);
    },
  };
  return query;
}

describe('runInContext', () => {
  it.each([{ requestId: 'job-1' }, undefined])(
    'begins what is returned once, in the context (ids: %j)',
    async (ids) => {
      const { lines, logger } = pinoLines();
      const query = queryOf(async () => {
        await Promise.resolve();
        logger.info('running');
        return 'rows';
      });
      const ask = () => runInContext({ part: 'query' }, () => query, ids);
      const rows = await runInContext({ job: 'report' }, ask, { requestId: 'outer' });
      expect([rows, query.runs]).toEqual(['rows', 1]);
      expect(lines.all()).toMatchObject([
        { msg: 'running', job: 'report', part: 'query', request_id: ids?.requestId ?? 'outer' },
      ]);
    },
  );

  it('settles what is held when such work has ended, by how it ended', async () => {
    const lines = new Lines();
    const destination = fingersCrossed(lines);
    const logger = pino10(withContext({ level: 'debug' }), destination);
    const work = (bad: boolean) => () =>
      queryOf(async () => {
        await new Promise((resolve) => setImmediate(resolve));
        logger.debug({ bad }, 'detail');
        if (bad) throw new Error('no rows');
        return 'rows';
      });
    await runInContext({}, work(false));
    await expect(runInContext({}, work(true))).rejects.toThrow('no rows');
    expect(lines.all()).toMatchObject([{ msg: 'detail', bad: true }]);
    expect(destination.stats()).toMatchObject({ held: 0, released: 1, discarded: 1 });
  });

  it('hides no rejection that nobody waits for', async () => {
    const unhandled: unknown[] = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', (error) => unhandled.push(error));
    runInContext({}, async () => {
      throw new Error('forgotten');
    });
    await until(() => unhandled.length > 0, 'the rejection');
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
    expect(unhandled).toMatchObject([{ message: 'forgotten' }]);
  });
});

describe('OpenTelemetry', () => {
  it('gives the active span at the time of the line', async () => {
    const manager = new AsyncLocalStorageContextManager().enable();
    telemetry.setGlobalContextManager(manager);
    const tracer = new BasicTracerProvider().getTracer('test');
    const { lines, logger } = pinoLines();
    const plain = createLogger({ destination: lines });
    const span = tracer.startSpan('outer');
    await telemetry.with(trace.setSpan(telemetry.active(), span), () =>
      runInContext(
        {},
        async () => {
          logger.info('outer');
          plain.info('outer');
          const inner = tracer.startSpan('inner', {}, telemetry.active());
          await telemetry.with(trace.setSpan(telemetry.active(), inner), async () => {
            await Promise.resolve();
            logger.info('inner');
          });
          expect(lines.with('inner')).toMatchObject([
            { trace_id: span.spanContext().traceId, span_id: inner.spanContext().spanId },
          ]);
        },
        { requestId: 'r', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' },
      ),
    );
    const outer = {
      trace_id: span.spanContext().traceId,
      span_id: span.spanContext().spanId,
      trace_flags: '01',
      request_id: 'r',
    };
    expect(lines.with('outer')).toMatchObject([outer, outer]);
    telemetry.with(trace.setSpan(telemetry.active(), span), () => logger.info('no request'));
    expect(lines.with('no request')).toMatchObject([{ span_id: span.spanContext().spanId }]);
    telemetry.disable();
    logger.info('off');
    expect(lines.with('off')[0]).not.toHaveProperty('trace_id');
  });
});

describe('withContext', () => {
  it('redacts whole lines: fields, bindings, errors, messages', () => {
    const { lines, logger } = pinoLines();
    const secret = 'hunter2';
    logger
      .child({ apiKey: secret })
      .info({ deep: [{ user: { Password: secret } }], err: new Error(`https://u:${secret}@h`) }, `token=${secret}`);
    expect(lines.raw[0]).not.toContain(secret);
    expect(lines.all()[0]).toMatchObject({
      apiKey: '[Redacted]',
      deep: [{ user: { Password: '[Redacted]' } }],
      msg: 'token=[Redacted]',
    });
  });

  it('keeps hooks that are there', () => {
    const lines = new Lines();
    const seen: number[] = [];
    const logger = pino10(
      withContext({
        hooks: {
          logMethod(args: Parameters<pino10.LogFn>, method: pino10.LogFn, level: number) {
            seen.push(level);
            method.apply(this as never, args);
          },
          streamWrite: (line: string) => line.replace('before', 'after'),
        },
      }),
      lines,
    );
    runInContext({ a: 1 }, () => logger.info('before'));
    expect(seen).toEqual([30]);
    expect(lines.all()).toMatchObject([{ msg: 'after', a: 1 }]);
  });

  it('logs a safe copy of what pino cannot log', () => {
    const { lines, logger } = pinoLines();
    logger.info(
      {
        get boom(): never {
          throw new Error('hunter2');
        },
        ok: 1,
      },
      'getter',
    );
    logger.info(
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no');
          },
          ownKeys: () => ['a'],
          getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
        },
      ),
      'proxy',
    );
    expect(lines.all()).toMatchObject([{ msg: 'getter', boom: '[unreadable]', ok: 1 }, { msg: 'proxy' }]);
  });

  it('leaves the errors of a broken destination to the caller', () => {
    const logger = pino10(withContext({}), {
      write: () => {
        throw new Error('gone');
      },
    });
    expect(() => logger.info('x')).toThrow('gone');
  });
});

describe('ids', () => {
  it('makes UUIDs of version 7 in order of time', async () => {
    const ids: string[] = [];
    for (let round = 0; round < 3; round++) {
      ids.push(...Array.from({ length: 1000 }, uuidv7));
      const now = Date.now();
      await until(() => Date.now() > now, 'the next millisecond');
    }
    expect(new Set(ids).size).toBe(3000);
    expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(
      true,
    );
    const stamps = [ids[0]!, ids[1000]!, ids[2000]!];
    expect([...stamps].sort()).toEqual(stamps);
    expect(Math.abs(Number.parseInt(ids[2999]!.replace('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(60_000);
  });

  it.each(['', 'a b', 'a\nb', 'ä', 'x'.repeat(129), '<script>', 'a/b', '"'])('refuses %j from a caller', (id) => {
    expect(harmlessId(id)).toBeUndefined();
  });
});

describe('traceparent', () => {
  const trace32 = '0af7651916cd43dd8448eb211c80319c';
  it.each([
    [`00-${trace32}-b7ad6b7169203331-01`, 1],
    [`cc-${trace32}-b7ad6b7169203331-00-what.the.future.holds`, 0],
  ])('reads %s', (header, traceFlags) => {
    expect(parseTraceparent(header)).toEqual({ traceId: trace32, spanId: 'b7ad6b7169203331', traceFlags });
  });
  it.each([
    undefined,
    '',
    `ff-${trace32}-b7ad6b7169203331-01`,
    `00-${trace32}-b7ad6b7169203331-01-more`,
    `00-${trace32.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${trace32}-${'0'.repeat(16)}-01`,
    `00-${trace32}-b7ad6b7169203331-1`,
    `00-${trace32}-b7ad6b7169203331-01x`,
  ])('refuses %s', (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});
