// What Google Cloud Logging answers to entries.write: google.rpc.Status in JSON, with an error for each entry that failed.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Sources: cloud.google.com, Logging API v2, entries.write (partialSuccess) and WriteLogEntriesPartialErrors;
// googleapis google/rpc/code.proto and error_details.proto.

import { type Batch, type HttpReply, plainReason, retry, type Verdict } from '@spillway/core';

interface Status {
  /** Name of the code, such as RESOURCE_EXHAUSTED. */
  readonly name: string;
  readonly message: string;
  readonly details: readonly Readonly<Record<string, unknown>>[];
}

/** Numbers of google.rpc.Code that pass: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. */
const passing = new Set([1, 2, 4, 8, 10, 13, 14]);
/** NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, UNAUTHENTICATED: about where it goes, not about the entry. */
const misdirected = new Set([5, 7, 9, 16]);
/** A 400 that is about the request: its names, its resource, its key. What quotes the payload is about an entry. */
const aboutRequest = /^(?!invalid json payload).*(monitored resource|resource type|log ?_?name|api key|project id)/i;
/** Longest wait that we take, ms. */
const maxWaitMs = 300_000;

/** The meaning of a reply. */
export function classifyWrite(reply: HttpReply, batch: Batch): Verdict | undefined {
  const status = statusOf(reply);
  if (!status) return undefined;
  const { name, message, details } = status;
  // What cannot be read is quoted in further lines, and was logged.
  const reason = plainReason(`${reply.status} ${name}: ${message.split('\n', 1)[0]}`);
  const entryErrors = detail(details, 'google.logging.v2.WriteLogEntriesPartialErrors')?.logEntryErrors;
  if (isObject(entryErrors)) return ofEntries(entryErrors, batch.count, reason);
  if (name === 'RESOURCE_EXHAUSTED' || name === 'CANCELLED') return later(reply, reason, details);
  if (name === 'INVALID_ARGUMENT' && isAboutRequest(status)) return { outcome: 'hold', reason };
  // A project without the API, billing or the log: something that a person has to do.
  if (name === 'FAILED_PRECONDITION') return { outcome: 'hold', reason };
  if (reply.status === 400 || reply.status === 413) return { outcome: 'split', reason };
  if (reply.status >= 500 || reply.status === 429 || reply.status === 409) return later(reply, reason, details);
  return { outcome: 'hold', reason };
}

/** Some entries failed, each for its own reason; the others are stored. */
function ofEntries(errors: Readonly<Record<string, unknown>>, count: number, whole: string): Verdict {
  const again: number[] = [];
  const reject: number[] = [];
  let held = 0;
  let why: string | undefined;
  for (const [key, error] of Object.entries(errors)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= count || !isObject(error)) continue;
    const code = typeof error.code === 'number' ? error.code : 3;
    if (misdirected.has(code)) held++;
    if (misdirected.has(code) || passing.has(code)) again.push(index);
    else reject.push(index);
    if (typeof error.message === 'string') why ??= plainReason(`entry refused (code ${code}): ${error.message}`);
  }
  const reason = why ?? whole;
  if (again.length === count) return held === 0 ? { outcome: 'retry', reason } : { outcome: 'hold', reason };
  // Errors that speak of no entry of ours say nothing: the entries are sent again, under the same ids.
  if (again.length + reject.length === 0) return { outcome: 'retry', reason: whole };
  return { outcome: 'partial', retry: again, reject, reason };
}

function isAboutRequest({ message, details }: Status): boolean {
  const violations = detail(details, 'google.rpc.BadRequest')?.fieldViolations;
  const fields = Array.isArray(violations)
    ? violations.map((violation) => (isObject(violation) ? String(violation.field ?? '') : ''))
    : [];
  if (fields.some((field) => field.startsWith('entries'))) return false;
  return fields.some((field) => field !== '') || aboutRequest.test(message);
}

function later(reply: HttpReply, reason: string, details: Status['details']): Verdict {
  const delay = detail(details, 'google.rpc.RetryInfo')?.retryDelay;
  const seconds = typeof delay === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1] : undefined;
  if (seconds === undefined) return retry(reply, reason);
  return { outcome: 'retry', reason, afterMs: Math.min(Math.ceil(Number(seconds) * 1000), maxWaitMs) };
}

function detail(details: Status['details'], type: string): Readonly<Record<string, unknown>> | undefined {
  return details.find((each) => each['@type'] === `type.googleapis.com/${type}`);
}

function statusOf({ status, body }: HttpReply): Status | undefined {
  if (status === 200 && body.length < 64 && body.toString().trim() === '{}') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  const error = isObject(parsed) ? parsed.error : undefined;
  if (!isObject(error)) return undefined;
  const { status: name, message, details } = error;
  return {
    name: typeof name === 'string' && /^\w{1,64}$/.test(name) ? name : 'error',
    message: typeof message === 'string' ? message : '',
    details: Array.isArray(details) ? details.filter(isObject) : [],
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
