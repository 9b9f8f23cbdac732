// Questions across the thread: the application asks by a message through its transport, the worker answers by an event.
// In the application: `stats(transport)` and `flush(transport)`. In the worker: `answerQuestions`. All Spillway targets of
// one worker answer as one, because with `targets: [...]` they share the transport.

import type { EventEmitter } from 'node:events';
import { parentPort } from 'node:worker_threads';
import type { FlushReport, Stats } from '@spillway/core';
import type { PipelineStream } from './pipeline-stream.js';

/** What `pino.transport()` gives, as far as it matters here. */
export interface WorkerTransport extends EventEmitter {
  readonly ready?: boolean;
  readonly destroyed?: boolean;
  flush?(callback: (error?: Error | null) => void): void;
}

interface Question {
  readonly code: 'SPILLWAY_QUESTION';
  readonly id: number;
  readonly about: 'stats' | 'flush';
  readonly timeoutMs: number;
}
interface Answer {
  readonly id: number;
  readonly values: readonly unknown[];
}

const EVENT = 'spillway.answer';
/** An answer to a flush may come this much later than the flush was given. */
const GRACE_MS = 2000;
let lastId = 0;

/**
 * Asks the worker of a pino transport for its counts: one entry for each Spillway target in it, in order of start.
 * Rejects when the worker is gone, or does not answer within `timeoutMs`.
 * @param transport what `pino.transport()` returned
 */
export function stats(
  transport: WorkerTransport,
  { timeoutMs = 5000 }: { timeoutMs?: number } = {},
): Promise<readonly Stats[]> {
  return ask<Stats>(transport, { about: 'stats', timeoutMs }, timeoutMs);
}

/**
 * Sends what was logged so far and tells what became of it: one report for each Spillway target, `settled` where
 * everything was acked, rejected, dropped or spilled within `timeoutMs`. Unlike `logger.flush` it says whether that was so,
 * and with pino 9 it is the only flush that waits for more than the hand-over to the worker.
 * Rejects when the worker is gone.
 * @param transport what `pino.transport()` returned
 */
export async function flush(
  transport: WorkerTransport,
  { timeoutMs = 5000 }: { timeoutMs?: number } = {},
): Promise<readonly FlushReport[]> {
  // First what the transport itself still holds.
  await handedOver(transport, timeoutMs);
  return ask<FlushReport>(transport, { about: 'flush', timeoutMs }, timeoutMs + GRACE_MS);
}

function handedOver(transport: WorkerTransport, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    if (transport.flush) transport.flush(done);
    else done();
  });
}

function ask<T>(
  transport: WorkerTransport,
  question: Pick<Question, 'about' | 'timeoutMs'>,
  patienceMs: number,
): Promise<readonly T[]> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const silent = () => reject(new Error(`the worker did not answer within ${patienceMs} ms`));
    const timer = setTimeout(() => settle(silent), patienceMs);
    const send = () => transport.emit('message', { code: 'SPILLWAY_QUESTION', id, ...question } satisfies Question);
    const onAnswer = (answer: Answer) => {
      if (answer.id === id) settle(() => resolve(answer.values as readonly T[]));
    };
    const onGone = () => settle(() => reject(new Error('the worker has ended')));
    const settle = (act: () => void) => {
      clearTimeout(timer);
      transport.off(EVENT, onAnswer);
      transport.off('close', onGone);
      transport.off('ready', send);
      act();
    };
    transport.on(EVENT, onAnswer);
    transport.on('close', onGone);
    // Before it is ready, the message could reach the worker before there is anyone to hear it.
    if (transport.destroyed) onGone();
    else if (transport.ready === false) transport.on('ready', send);
    else send();
  });
}

const streams = new Set<PipelineStream>();

/** Lets a stream of this worker answer for as long as it lives. */
export function answerQuestions(stream: PipelineStream): void {
  if (streams.size === 0) parentPort?.on('message', hear);
  streams.add(stream);
  stream.once('close', () => {
    streams.delete(stream);
    if (streams.size === 0) parentPort?.off('message', hear);
  });
}

async function hear(question: Partial<Question> | undefined): Promise<void> {
  if (question?.code !== 'SPILLWAY_QUESTION') return;
  const { id, about, timeoutMs } = question as Question;
  const all = [...streams];
  const values = await Promise.all(all.map((one) => (about === 'stats' ? one.stats() : one.report(timeoutMs))));
  parentPort?.postMessage({ code: 'EVENT', name: EVENT, args: [{ id, values } satisfies Answer] });
}
