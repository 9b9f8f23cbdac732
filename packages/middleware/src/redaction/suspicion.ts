// The quick look that nearly every line passes: may there be anything secret in it at all?
// In: text. Out: false only if no pattern can match. Every pattern declares an anchor, three letters without which it cannot
// match; a line without anchors is let through after one look at every second pair of its bytes, about a fifth of the cost of
// running the patterns. Invariant: never false for a text that a pattern matches.

/** Patterns and the anchors of their alternatives. */
export interface Hint {
  /** Alternatives of a regular expression, matched without regard to case. */
  readonly patterns: readonly string[];
  /** Three lowercase letters for each alternative, part of everything it matches; an empty one turns the quick look off. */
  readonly anchors: readonly string[];
}

/** Joins hints. */
export function joinHints(...hints: readonly Hint[]): Hint {
  return { patterns: hints.flatMap(({ patterns }) => patterns), anchors: hints.flatMap(({ anchors }) => anchors) };
}

const FIRST_PAIR = 1;
const SECOND_PAIR = 2;

function pair(first: number, second: number): number {
  return ((first & 127) << 7) | (second & 127);
}

/** Folds case: letters differ from their capitals in bit 5 only. What else falls together costs a second look, no more. */
function triple(first: number, second: number, third: number): number {
  return ((first & 31) << 10) | ((second & 31) << 5) | (third & 31);
}

// Loggers put lines together of many pieces, whose letters are slow to get at one by one: their bytes are copied out first. UTF-8
// keeps the letters of anchors as they are; what else comes of it costs a second look at most.
const CHUNK = 4096;
const bytes = new Uint8Array(3 * CHUNK);
const encoder = new TextEncoder();

function cases(text: string, at: number): number[] {
  return [text.toLowerCase().charCodeAt(at), text.toUpperCase().charCodeAt(at)];
}

/** Prepares the look. */
export function suspicion({ patterns, anchors }: Hint): (text: string) => boolean {
  const pattern = new RegExp(patterns.join('|'), 'i');
  const pairs = new Uint8Array(1 << 14);
  const triples = new Uint8Array(1 << 15);
  for (const anchor of anchors) {
    triples[triple(anchor.charCodeAt(0), anchor.charCodeAt(1), anchor.charCodeAt(2))] = 1;
    for (const first of cases(anchor, 0))
      for (const second of cases(anchor, 1)) pairs[pair(first, second)]! |= FIRST_PAIR;
    for (const second of cases(anchor, 1))
      for (const third of cases(anchor, 2)) pairs[pair(second, third)]! |= SECOND_PAIR;
  }

  function anchored(text: string): boolean {
    if (text.length <= CHUNK) return within(encoder.encodeInto(text, bytes).written);
    // Chunks share two letters, so that no anchor is cut.
    for (let from = 0; from < text.length; from += CHUNK - 2) {
      if (within(encoder.encodeInto(text.slice(from, from + CHUNK), bytes).written)) return true;
    }
    return false;
  }

  function within(length: number): boolean {
    for (let at = 1; at < length - 1; at += 2) {
      const found = pairs[pair(bytes[at]!, bytes[at + 1]!)]!;
      if (found === 0) continue;
      // Behind the end there are bytes of other texts: harmless.
      if ((found & FIRST_PAIR) !== 0 && has(at)) return true;
      if ((found & SECOND_PAIR) !== 0 && has(at - 1)) return true;
    }
    return false;
  }

  function has(at: number): boolean {
    return triples[triple(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!)] === 1;
  }

  if (anchors.includes('')) return (text) => pattern.test(text);
  return (text) => anchored(text) && pattern.test(text);
}
