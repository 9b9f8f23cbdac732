// Fills the placeholders of a message, as pino does: `%s %d %f %i %j %o %O %%`. In: a message and its arguments.
// Out: text. Invariants: arguments are made safe before they become text; never throws; arguments without a placeholder are left out.

import type { Redaction } from '../redaction/redaction.js';

const PLACEHOLDER = /%([sdfijoO%])/g;

/** Fills placeholders. */
export function formatted(message: string, args: readonly unknown[], redaction: Redaction): string {
  if (args.length === 0 || !message.includes('%')) return message;
  let next = 0;
  return message.replace(PLACEHOLDER, (all, kind: string) => {
    if (kind === '%') return '%';
    if (next >= args.length) return all;
    return filled(kind, args[next++], redaction);
  });
}

function filled(kind: string, value: unknown, redaction: Redaction): string {
  if (kind === 'd' || kind === 'f' || kind === 'i') {
    const number =
      typeof value === 'bigint' ? value : Number(typeof value === 'symbol' ? Number.NaN : redaction.value(value));
    return kind === 'i' && typeof number === 'number' ? String(Math.floor(number)) : String(number);
  }
  const safe = redaction.value(value);
  if (kind === 's' && (typeof safe !== 'object' || safe === null)) return String(safe);
  return JSON.stringify(safe) ?? 'undefined';
}
