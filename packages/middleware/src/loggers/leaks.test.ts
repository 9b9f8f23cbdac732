// Planted secrets through every logger that meets the pipeline: as the message, a field, an argument, a property and an error.
// In: generated values. Out: lines, none of which may show the secret, and all of which must be whole.

import { configure, getLogger, reset } from '@logtape/logtape';
import { planted } from '@spillway/testing';
import fc from 'fast-check';
import pino from 'pino';
import { afterEach, expect, it } from 'vitest';
import winston from 'winston';
import { addContext, runInContext } from '../context/current.js';
import { withContext } from '../context/pino.js';
import { Lines } from '../test-kit/lines.js';
import { captureConsole } from './console.js';
import { createLogger } from './logger.js';
import { logtapeSink } from './logtape.js';
import { winstonTransport } from './winston.js';

const SECRET = 'hunter2-S3CR3T';
afterEach(() => reset());

/** Each logger, as a way to log a value in all ways it has. */
const loggers: Record<string, (lines: Lines) => Promise<(value: unknown) => void> | ((value: unknown) => void)> = {
  pino: (lines) => {
    const logger = pino(withContext({}), lines);
    return (value) => {
      logger.info({ value }, 'field');
      logger.error(value as object, 'first');
      logger.child({ value }).info('bound');
      logger.info({}, 'formatted %s %o', 'x', value as object);
    };
  },
  createLogger: (lines) => {
    const logger = createLogger({ destination: lines });
    return (value) => {
      logger.info({ value }, 'field');
      logger.error(value as object, 'first');
      logger.child({ value }).info('bound');
      logger.info({}, 'formatted %s %o', 'x', value as object);
    };
  },
  winston: (lines) => {
    const logger = winston.createLogger({ transports: [winstonTransport({ destination: lines })] });
    return (value) => {
      logger.info('field', { value });
      logger.error(value as object);
      logger.child({ value }).info('bound');
    };
  },
  LogTape: async (lines) => {
    await configure({
      sinks: { lines: logtapeSink({ destination: lines }) },
      loggers: [
        { category: 'leaks', sinks: ['lines'] },
        { category: ['logtape', 'meta'], sinks: [], lowestLevel: 'fatal' },
      ],
    });
    const logger = getLogger('leaks');
    return (value) => {
      logger.info('field {value}', { value });
      logger.warn`template ${value}`;
      logger.with({ value }).error('bound');
    };
  },
  console: (lines) => {
    return (value) => {
      const restore = captureConsole({ destination: lines });
      try {
        console.log('text', value);
        console.error(value);
        console.info('%s %o', 'x', value);
      } finally {
        restore();
      }
    };
  },
};

it.each(Object.keys(loggers))('%s writes no planted secret, in a request and outside of one', async (name) => {
  const lines = new Lines();
  const log = await loggers[name]!(lines);
  fc.assert(
    fc.property(planted(SECRET), (value) => {
      lines.clear();
      log(value);
      const outside = lines.raw.length;
      expect(outside).toBeGreaterThanOrEqual(3);
      runInContext({ value }, () => {
        addContext({ more: value });
        log(value);
      });
      expect(lines.raw.length).toBe(2 * outside);
      expect(lines.raw.filter((line) => line.includes(SECRET))).toEqual([]);
      expect(() => lines.all()).not.toThrow();
    }),
    { numRuns: 500 },
  );
});
