// Stats across the thread: the application asks by a message through its transport, the worker answers by an event.
// In the application: `stats(transport)`. In the worker: `answerStats`. All Spillway targets of one worker answer as
// one, because with `targets: [...]` they share the transport.

import type { EventEmitter } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import type { Stats } from '@spillway/core';
import type { PipelineStream } from './pipeline-stream.js';

/** What `pino.transport()` gives, as far as it matters here. */
export interface WorkerTransport extends EventEmitter {
  readonly ready?: boolean;
  readonly destroyed?: boolean;
}

const REQUEST = 'SPILLWAY_STATS';
const EVENT = 'spillway.stats';

interface Answer {
  readonly id: number;
  readonly stats: readonly Stats[];
}

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
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(() => reject(new Error(`no stats within ${timeoutMs} ms`))), timeoutMs);
    const ask = () => transport.emit('message', { code: REQUEST, id });
    const onAnswer = (answer: Answer) => {
      if (answer.id === id) settle(() => resolve(answer.stats));
    };
    const onGone = () => settle(() => reject(new Error('the worker has ended')));
    const settle = (act: () => void) => {
      clearTimeout(timer);
      transport.off(EVENT, onAnswer);
      transport.off('close', onGone);
      transport.off('ready', ask);
      act();
    };
    transport.on(EVENT, onAnswer);
    transport.on('close', onGone);
    // Before it is ready, the message could reach the worker before there is anyone to hear it.
    if (transport.destroyed) onGone();
    else if (transport.ready === false) transport.on('ready', ask);
    else ask();
  });
}

const streams = new Set<PipelineStream>();

/** Lets a stream answer for as long as it lives. */
export function answerStats(port: MessagePort, stream: PipelineStream): void {
  if (streams.size === 0) port.on('message', answer);
  streams.add(stream);
  stream.once('close', () => {
    streams.delete(stream);
    if (streams.size === 0) port.off('message', answer);
  });

  function answer(message: { code?: unknown; id?: unknown }): void {
    if (message?.code !== REQUEST || typeof message.id !== 'number') return;
    const all: Answer = { id: message.id, stats: [...streams].map((one) => one.stats()) };
    port.postMessage({ code: 'EVENT', name: EVENT, args: [all] });
  }
}
