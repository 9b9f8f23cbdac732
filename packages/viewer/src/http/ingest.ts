// The two ways in: Loki's push and NDJSON. Both end in a body for the store and answer as the real receivers do:
// 204 once committed, 400 with a text, 413 over a cap, 415 for a type or coding we cannot read, 429 when we are behind.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../decode/refusal.js';
import { limits } from '../limits.js';
import type { Format, PushResult } from '../store/model.js';
import { isReadable, readableCodings, readBody } from './body.js';
import { sendText } from './reply.js';
import type { Site } from './site.js';

interface Kind {
  readonly format: Format;
  readonly coding: string;
}

/** `POST /loki/api/v1/push` */
export function pushLoki(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  return store(site, { request, response, kind: () => lokiKind(request), key: () => '' });
}

/** `POST /ingest` */
export function pushNdjson(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  return store(site, { request, response, kind: () => ndjsonKind(request, response), key: () => keyOf(request) });
}

interface Job {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  kind(): Kind;
  key(): string;
}

async function store(site: Site, { request, response, kind, key }: Job): Promise<void> {
  const account = site.budget.account();
  try {
    if (site.store.failure !== undefined) throw new Refusal(503, 'the store has failed; restart the viewer');
    const { format, coding } = kind();
    const push = { format, key: key(), body: await readBody(request, coding, account) };
    const result = await site.store.push(push).catch((error: Error): PushResult => {
      return { status: 503, text: error.message, records: 0, duplicate: false };
    });
    site.counters.pushed(result);
    if (result.status === 503) response.setHeader('Retry-After', '5');
    sendText(response, result.status, result.text);
  } catch (error) {
    site.counters.refused();
    if (error instanceof Refusal && error.status === 429) response.setHeader('Retry-After', '1');
    throw error;
  } finally {
    account.close();
  }
}

function keyOf({ headers }: IncomingMessage): string {
  const given = headers['idempotency-key'];
  if (given === undefined) return '';
  if (typeof given === 'string' && given.length > 0 && given.length <= limits.idempotencyKeyChars) return given;
  throw new Refusal(400, `the Idempotency-Key must have 1 to ${limits.idempotencyKeyChars} characters`);
}

function lokiKind(request: IncomingMessage): Kind {
  const type = mediaType(request);
  if (type === undefined) throw new Refusal(400, 'mime: no media type');
  const coding = codingOf(request);
  // Loki reads any type but JSON as protobuf, and takes `snappy` as the name of what the protobuf is in anyway.
  const format = type === 'application/json' ? 'loki-json' : 'loki-protobuf';
  if (format === 'loki-protobuf' && coding === 'snappy') return { format, coding: '' };
  if (!isReadable(coding))
    throw new Refusal(400, `Content-Encoding ${JSON.stringify(coding.slice(0, 40))} not supported`);
  return { format, coding };
}

const lineTypes =
  /^(?:application\/(?:x-ndjson|ndjson|jsonl|x-jsonl|jsonlines|x-jsonlines|stream\+json|octet-stream)|text\/plain)$/;

function ndjsonKind(request: IncomingMessage, response: ServerResponse): Kind {
  const type = mediaType(request) ?? 'application/x-ndjson';
  const coding = codingOf(request);
  if (!isReadable(coding)) {
    response.setHeader('Accept-Encoding', readableCodings);
    throw new Refusal(415, `Content-Encoding not supported; use one of ${readableCodings}`);
  }
  if (type === 'application/json') return { format: 'json', coding };
  if (lineTypes.test(type)) return { format: 'ndjson', coding };
  throw new Refusal(415, 'Content-Type not supported; send application/x-ndjson or application/json');
}

function mediaType({ headers }: IncomingMessage): string | undefined {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === '' ? undefined : type;
}

function codingOf({ headers }: IncomingMessage): string {
  return headers['content-encoding']?.trim().toLowerCase() ?? '';
}
