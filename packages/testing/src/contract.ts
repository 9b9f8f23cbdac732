// The shared suite that every transport runs.
// In: a factory, sample options, the documented replies, a decoder that is not ours. Out: vitest tests, registered.
// It states what the pipeline relies on: pure encoding, honest sizes, a verdict for each reply, silence before the
// first send, plain options, no secrets in sight.

import net from 'node:net';
import { serialize } from 'node:v8';
import type { AnyTransport, Batch, HttpReply, SendSettings, Verdict } from '@spillway/core';
import { SpillwayError, systemRuntime } from '@spillway/core';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { batchOf } from './batch-of.js';
import { logBatch } from './generators.js';

/** Settings as the pipeline gives them to `open`. */
export const sendSettings: SendSettings = { maxInFlight: 2, compression: 'auto' };

/** One documented reply. */
export interface DocumentedReply<Reply> {
  /** What the documentation calls it. */
  readonly name: string;
  readonly reply: Reply;
  /** The outcome, or the parts of the verdict that matter. */
  readonly verdict: Verdict['outcome'] | (Partial<Verdict> & { outcome: Verdict['outcome'] });
  /** The batch it answers. @default three short records */
  readonly batch?: Batch;
}

/** What the suite needs to know about a transport. */
export interface TransportContract<Options, Wire, Reply> {
  readonly name: string;
  /** The transport's factory. */
  make(options: Options): AnyTransport;
  /** Options that work, as plain data. Nothing needs to listen there. */
  readonly options: Options;
  /** Further options, each of which must keep the contract as well. */
  readonly variants?: Readonly<Record<string, Options>>;
  /** Options with secrets, and the secrets that must never be seen. */
  readonly secret?: { readonly options: Options; readonly secrets: readonly string[] };
  readonly replies: readonly DocumentedReply<Reply>[];
  /** Reads a wire with code that is not ours: the records, in order, each as {@link expected} gives it. */
  decode?(wire: Wire, options: Options): unknown[] | Promise<unknown[]>;
  /** What {@link decode} must give for a record. @default the line as text */
  expected?(batch: Batch, index: number, options: Options): unknown;
  /** How often the suite tries random batches. @default 60 */
  readonly runs?: number;
  /** Encoding may lengthen records, as escaping does: a batch over `maxBytes` is then split by the pipeline. */
  readonly lengthens?: true;
}

/** Registers the suite. Call it at the top of a test file. */
export function transportContract<Options extends object, Wire, Reply>(
  contract: TransportContract<Options, Wire, Reply>,
): void {
  describe(`${contract.name} keeps the contract`, () => {
    const variants = { defaults: contract.options, ...contract.variants };
    for (const [name, options] of Object.entries(variants)) {
      describe(name, () => encoding(contract, options));
    }
    replies(contract);
    silence(contract);
    plainOptions(contract);
    secrets(contract);
  });
}

/** A reply over HTTP, for tables of documented replies. */
export function httpReply(status: number, body = '', headers: Readonly<Record<string, string>> = {}): HttpReply {
  return { status, headers, body: Buffer.from(body) };
}

function encoding<Options, Wire, Reply>(contract: TransportContract<Options, Wire, Reply>, options: Options): void {
  const numRuns = contract.runs ?? 60;

  it('gives the same bytes for the same batch, also from another instance', () => {
    fc.assert(
      fc.property(logBatch, (batch) => {
        const transport = contract.make(options);
        const first = snapshot(transport.encode(batch));
        // Other batches in between must not matter: encoders reuse their buffers.
        const held = transport.encode(batch);
        transport.encode(batchOf(['{"level":50,"time":1,"msg":"other"}'], { writer: 'w9' }));
        expect(snapshot(held) === first).toBe(true);
        expect(snapshot(contract.make(options).encode(batch)) === first).toBe(true);
      }),
      { numRuns },
    );
  });

  it('keeps batches that the pipeline builds within its limits, and their parts too', () => {
    const transport = contract.make(options);
    const { limits } = transport;
    expect(limits.maxRecordBytes + limits.overheadBytes).toBeLessThanOrEqual(limits.maxBytes);
    for (const message of ['x', 'request completed in 12 ms', 'y'.repeat(5000), 'é'.repeat(900)]) {
      const batch = fullBatch(transport, message);
      const size = transport.sizeOf(transport.encode(batch));
      if (!contract.lengthens) expect(size).toBeLessThanOrEqual(limits.maxBytes);
      else expect(size).toBeLessThanOrEqual(limits.maxBytes * 2);
      const half = batch.range(0, Math.ceil(batch.count / 2));
      expect(transport.sizeOf(transport.encode(half))).toBeLessThanOrEqual(size);
      expect(transport.sizeOf(transport.encode(batch.pick([0])))).toBeLessThanOrEqual(limits.maxBytes);
    }
  });

  const { decode } = contract;
  if (!decode) return;
  it('carries every record, intact and in order', async () => {
    const expected = contract.expected ?? ((batch: Batch, i: number) => batch.line(i).toString());
    await fc.assert(
      fc.asyncProperty(logBatch, async (batch) => {
        const all = Array.from({ length: batch.count }, (_, i) => expected(batch, i, options));
        expect(await decode(contract.make(options).encode(batch), options)).toEqual(all);
      }),
      { numRuns },
    );
  });
}

function replies<Options, Wire, Reply>(contract: TransportContract<Options, Wire, Reply>): void {
  const batch = batchOf(['{"level":30,"msg":"a"}', '{"level":30,"msg":"b"}', '{"level":50,"msg":"c"}']);
  it.each(contract.replies.map((documented) => [documented.name, documented] as const))(
    'answers: %s',
    (_, documented) => {
      const { reply, verdict } = documented;
      const transport = contract.make(contract.options);
      const answered = documented.batch ?? batch;
      const given = transport.classify(reply, answered);
      expect(given).toMatchObject(typeof verdict === 'string' ? { outcome: verdict } : verdict);
      // Pure: the same reply means the same again.
      expect(transport.classify(reply, answered)).toEqual(given);
      if (given.outcome !== 'ack') expectReason(given.reason);
      if (given.outcome === 'retry') expectWait(given.afterMs);
      if (given.outcome === 'partial') {
        expectWait(given.afterMs);
        const rejected = typeof given.reject === 'number' ? given.reject : given.reject.length;
        expect(rejected + given.retry.length).toBeGreaterThan(0);
        expect(rejected + given.retry.length).toBeLessThanOrEqual(answered.count);
      }
    },
  );
}

function silence<Options, Wire, Reply>(contract: TransportContract<Options, Wire, Reply>): void {
  afterEach(() => vi.restoreAllMocks());

  it('does no I/O before the first send, and closes twice', async () => {
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const transport = contract.make(contract.options);
    const sender = transport.open(systemRuntime, sendSettings);
    transport.encode(batchOf(['{"level":30,"msg":"a"}']));
    await new Promise((resolve) => setImmediate(resolve));
    await sender.close();
    await sender.close();
    expect(connect).not.toHaveBeenCalled();
  });

  it('rejects a send whose signal was aborted', async () => {
    const transport = contract.make(contract.options);
    const sender = transport.open(systemRuntime, sendSettings);
    const wire = transport.encode(batchOf(['{"level":30,"msg":"a"}']));
    await expect(sender.send(wire, AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up');
    await sender.close();
  });
}

function plainOptions<Options extends object, Wire, Reply>(contract: TransportContract<Options, Wire, Reply>): void {
  it('takes options that went through structuredClone', () => {
    const batch = batchOf(['{"level":30,"msg":"a"}']);
    const cloned = contract.make(structuredClone(contract.options));
    expect(snapshot(cloned.encode(batch))).toEqual(snapshot(contract.make(contract.options).encode(batch)));
    expect(JSON.parse(JSON.stringify(contract.options))).toEqual(contract.options);
  });

  it('refuses an unknown option with a hint', () => {
    const known = Object.keys(contract.options)[0] ?? 'headers';
    const thrown = errorOf(() => contract.make({ ...contract.options, [`${known}x`]: 1 }));
    expect(thrown).toBeInstanceOf(SpillwayError);
    expect(thrown).toMatchObject({ code: 'SPILLWAY_OPTIONS_INVALID' });
    expect(String(thrown)).toMatch(new RegExp(`${known}x.*did you mean .*${known}`));
  });
}

function secrets<Options extends object, Wire, Reply>(contract: TransportContract<Options, Wire, Reply>): void {
  const { secret } = contract;
  if (!secret) return;
  it('keeps secrets out of names, destinations, errors and reasons', async () => {
    const transport = contract.make(secret.options);
    const unknown = errorOf(() => contract.make({ ...secret.options, unknownOption: 1 }));
    const sender = transport.open(systemRuntime, sendSettings);
    const refused = await sender
      .send(transport.encode(batchOf(['{"level":30,"msg":"a"}'])), AbortSignal.timeout(5000))
      .catch((error: unknown) => error);
    await sender.close();
    const seen = [transport.name, transport.destination, String(unknown), String(refused), JSON.stringify(refused)];
    for (const text of seen) for (const word of secret.secrets) expect(text).not.toContain(word);
  });
}

/** As many records as the pipeline would put into one batch. */
function fullBatch({ limits }: AnyTransport, message: string): Batch {
  const line = JSON.stringify({ level: 30, time: 1_700_000_000_123, pid: 42, msg: message });
  const each = Buffer.byteLength(line) + 1 + limits.overheadBytes;
  // A few thousand records show as much as a million would.
  const count = Math.min(limits.maxRecords, Math.floor(limits.maxBytes / each), 20_000);
  return batchOf(
    Array.from({ length: Math.max(1, count) }, () => line),
    { firstSequence: 123_456_789 },
  );
}

/** A copy of everything a wire holds, as text: wires may share memory with whoever made them. */
function snapshot(wire: unknown): string {
  return serialize(wire).toString('base64');
}

function expectReason(reason: string): void {
  expect(reason.length).toBeGreaterThan(0);
  expect(reason.length).toBeLessThanOrEqual(240);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  expect(reason).not.toMatch(/[\u0000-\u001f\u007f]/);
}

function expectWait(afterMs: number | undefined): void {
  if (afterMs === undefined) return;
  expect(afterMs).toBeGreaterThanOrEqual(0);
  expect(afterMs).toBeLessThanOrEqual(300_000);
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
