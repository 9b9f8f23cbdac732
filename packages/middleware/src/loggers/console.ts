// Captures `console`: what libraries and old code print becomes lines like all others. In: calls of console's methods.
// Out: lines, with the context of the running request. Invariants: asked for, never by itself; undone by one call; a destination
// that uses the console itself gets the original and no loop; never throws at the caller.

import { formatWithOptions } from 'node:util';
import { option } from '../option-error.js';
import { isError } from '../redaction/error-entries.js';
import type { Redaction } from '../redaction/redaction.js';
import { LINE_OPTIONS, type LineOptions, linesTo } from './destination.js';

/** What becomes of calls of the console. */
export interface CaptureConsoleOptions extends LineOptions {
  /**
   * Whether the original methods are called as well.
   * @default false
   */
  readonly passThrough?: boolean;
}

const LEVELS = { trace: 10, debug: 20, log: 30, info: 30, warn: 40, error: 50 } as const;
const METHODS = Object.keys(LEVELS) as (keyof typeof LEVELS)[];

type Method = (...args: unknown[]) => void;

/**
 * Captures the console until the returned function is called.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example const restore = captureConsole({ destination: stream })
 */
export function captureConsole(options: CaptureConsoleOptions = {}): () => void {
  option.known(options, [...LINE_OPTIONS, 'passThrough'], 'console');
  const { writer, bindings } = linesTo(options, 'console');
  const passThrough = options.passThrough ?? false;
  const target = console as unknown as Record<string, Method>;
  const restores: (() => void)[] = [];
  let writing = false;
  let active = true;

  function capture(name: keyof typeof LEVELS): void {
    const original = target[name]!;
    const captured: Method = (...args) => {
      if (writing || !active) {
        original.apply(console, args);
        return;
      }
      writing = true;
      try {
        const error = args.find(isError);
        writer.write({
          level: LEVELS[name],
          time: Date.now(),
          bindings,
          fields: error === undefined ? undefined : { err: error },
          msg: textOf(args, writer.redaction),
        });
        if (passThrough) original.apply(console, args);
      } finally {
        writing = false;
      }
    };
    target[name] = captured;
    restores.push(() => {
      // Somebody else may have captured it since: then ours stays in their chain and passes through.
      if (target[name] === captured) target[name] = original;
    });
  }

  for (const name of METHODS) capture(name);
  return () => {
    active = false;
    for (const restore of restores) restore();
  };
}

/** The text that the console would print, of copies that are safe to print. */
function textOf(args: readonly unknown[], redaction: Redaction): string {
  const safe = args.map((arg) => {
    if (isError(arg)) return (redaction.value(arg) as { message?: unknown } | undefined)?.message;
    return typeof arg === 'object' && arg !== null ? redaction.value(arg) : arg;
  });
  return formatWithOptions({ colors: false, depth: 8, breakLength: Number.POSITIVE_INFINITY }, ...safe);
}
