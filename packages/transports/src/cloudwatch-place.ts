// Makes the log group and the log stream when CloudWatch misses them, and sends again.
// In: wires. Out: the reply to PutLogEvents, or that of the call by which something could not be made.
// Invariants: nothing is asked for before it is missed, and the stream before the group, so that a role which may only
// write, or only make streams, is enough where the rest exists; one making at a time.

import type { HttpReply, HttpWire, Sender } from '@spillway/core';
import { errorOf } from './cloudwatch-replies.js';

/** What to make. */
export interface Place {
  readonly logGroup: string;
  readonly logStream: string;
  /** Of a group that is made. */
  readonly retentionDays: number | undefined;
}

/** The headers that name an operation. */
export function operation(name: string): Record<string, string> {
  return { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Logs_20140328.${name}` };
}

/** A sender that has a place to write to. */
export class LogPlace implements Sender<HttpWire, HttpReply> {
  readonly #http: Sender<HttpWire, HttpReply>;
  readonly #place: Place;
  #making: Promise<HttpReply | undefined> | undefined;

  constructor(http: Sender<HttpWire, HttpReply>, place: Place) {
    this.#http = http;
    this.#place = place;
  }

  async prepare(): Promise<void> {
    await this.#http.prepare?.();
  }

  async send(wire: HttpWire, signal: AbortSignal): Promise<HttpReply> {
    const reply = await this.#http.send(wire, signal);
    if (!isMissing(reply)) return reply;
    this.#making ??= this.#make(signal).finally(() => {
      this.#making = undefined;
    });
    return (await this.#making) ?? this.#http.send(wire, signal);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  /** The refusal that ended it, if one did. */
  async #make(signal: AbortSignal): Promise<HttpReply | undefined> {
    const { logGroup: logGroupName, logStream: logStreamName, retentionDays } = this.#place;
    const stream = { logGroupName, logStreamName };
    const reply = await this.#call('CreateLogStream', stream, signal);
    if (!isMissing(reply)) return failed(reply);
    const group = await this.#call('CreateLogGroup', { logGroupName }, signal);
    if (failed(group)) return group;
    if (group.status === 200 && retentionDays !== undefined) {
      const policy = { logGroupName, retentionInDays: retentionDays };
      const refusal = failed(await this.#call('PutRetentionPolicy', policy, signal));
      // Said once; the next attempt finds the group there and goes on.
      if (refusal) return refusal;
    }
    return failed(await this.#call('CreateLogStream', stream, signal));
  }

  #call(name: string, input: object, signal: AbortSignal): Promise<HttpReply> {
    return this.#http.send({ body: Buffer.from(JSON.stringify(input)), headers: operation(name) }, signal);
  }
}

function isMissing(reply: HttpReply): boolean {
  return reply.status === 400 && errorOf(reply)?.type === 'ResourceNotFoundException';
}

/** What somebody else has made, or is making, is as good. */
function failed(reply: HttpReply): HttpReply | undefined {
  if (reply.status >= 200 && reply.status < 300) return undefined;
  const type = errorOf(reply)?.type;
  return type === 'ResourceAlreadyExistsException' || type === 'OperationAbortedException' ? undefined : reply;
}
