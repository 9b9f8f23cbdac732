// What ClickHouse's answers mean. The status says little: most failures are a 500, whether they pass or not, so the code
// of the exception decides. https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
// In: a reply. Out: a verdict, or undefined where the status says it all.

import { type Batch, type HttpReply, plainReason, replyReason, retry, type Verdict } from '@spillway/core';

type Meaning = 'ack' | 'retry' | 'split' | 'hold' | 'wait' | 'halve';

const codes: Readonly<Record<Meaning, readonly number[]>> = {
  // INSERT_WAS_DEDUPLICATED
  ack: [389],
  // Timeouts, too many queries, network, keeper, replicas, quotas, a cancelled query or one that still runs, broken compression.
  retry: [
    159, 201, 202, 203, 209, 210, 216, 225, 236, 242, 243, 254, 271, 279, 285, 286, 319, 364, 394, 425, 439, 499, 735,
    999,
  ],
  // Text that cannot be parsed, wrong types, NULL where there is none, constraints, a query that is too large.
  split: [6, 26, 27, 38, 41, 53, 70, 72, 117, 131, 229, 321, 349, 469],
  // Columns, tables, databases, settings, formats, syntax, users, rights, storage that may only be read.
  hold: [16, 47, 48, 60, 62, 73, 81, 115, 164, 192, 193, 194, 497, 516],
  // TOO_MANY_PARTS: merges have to catch up.
  wait: [252],
  // MEMORY_LIMIT_EXCEEDED: of the server, or of this insert.
  halve: [241],
};
const meanings = new Map<number, Meaning>(
  Object.entries(codes).flatMap(([meaning, list]) => list.map((code) => [code, meaning as Meaning] as const)),
);
/** Merges take seconds, ms. */
const mergeMs = 5000;
/** A batch of fewer records is not what fills the memory of a server. */
const fewRecords = 1000;

/** The meaning of a reply to an insert. */
export function classifyInsert(reply: HttpReply, batch: Batch): Verdict | undefined {
  const code = exceptionCode(reply);
  const meaning = code === undefined ? undefined : meanings.get(code);
  const reason = code === undefined ? replyReason(reply) : replyReason(reply, plainReason(withoutValues(reply)));
  switch (meaning) {
    case 'ack':
      return { outcome: 'ack' };
    case 'retry':
      return retry(reply, reason);
    case 'wait':
      return { outcome: 'retry', reason, afterMs: mergeMs };
    case 'halve':
      return batch.count > fewRecords ? { outcome: 'split', reason } : retry(reply, reason);
    case 'split':
    case 'hold':
      return { outcome: meaning, reason };
    default:
      // An exception that we do not know, in a reply that began well: in doubt nothing is stored.
      return code !== undefined && reply.status < 300 ? { outcome: 'retry', reason } : undefined;
  }
}

/** What an exception says, without the records and the values that it quotes. */
function withoutValues({ body }: HttpReply): string {
  return body
    .toString('utf8', 0, 4096)
    .replace(/ before: '.*'(?=: \()/s, '')
    .replace(/ Column values: .*(?= \()/s, '');
}

/** The header, or the beginning of the text: proxies drop the one, servers before 20.x have only the other. */
function exceptionCode({ headers, body }: HttpReply): number | undefined {
  const text =
    headers['x-clickhouse-exception-code'] ?? /^Code: (\d{1,6})[.,]/.exec(body.toString('latin1', 0, 32))?.[1];
  return text !== undefined && /^\d{1,6}$/.test(text) && text !== '0' ? Number(text) : undefined;
}
