// What Redis' answers mean.
// In: the answers to a batch's commands. Out: a verdict.
// Sources: redis.io/docs/latest/develop/reference/protocol-spec (error prefixes), src/server.c (shared errors) and
// src/acl.c; redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec (MOVED, ASK, TRYAGAIN, CLUSTERDOWN).

import { type Batch, plainReason, type Verdict } from '@spillway/core';
import type { RedisAnswer } from './redis-resp.js';
import type { RedisReply } from './redis-session.js';

/** A matter of time: memory, loading, failover, resharding, a full connection table. */
const passing =
  /^(OOM|LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|READONLY|MISCONF|MOVED|ASK|UNBLOCKED|ERR max number of clients)\b/;

/** The verdict on a batch. */
export function classifyRedis(reply: RedisReply, batch: Batch, type: 'stream' | 'list'): Verdict {
  if (reply.kind === 'refused') return whole(reply.error);
  if (type === 'stream') return apart(reply.answers, batch.count);
  // One command stores all; whether the list was trimmed as well does not change that.
  const [pushed] = reply.answers;
  return pushed === undefined ? { outcome: 'ack' } : whole(pushed);
}

/** A command for each record. */
function apart(answers: readonly RedisAnswer[], count: number): Verdict {
  const open: number[] = [];
  let held: string | undefined;
  let late: string | undefined;
  for (let i = 0; i < count; i++) {
    const answer = i < answers.length ? answers[i] : 'connection closed before the answer';
    if (answer === undefined) continue;
    open.push(i);
    if (i >= answers.length || passing.test(answer)) late ??= answer;
    else held ??= answer;
  }
  if (open.length === 0) return { outcome: 'ack' };
  // Whatever is wrong with one command, name, key or rights, is wrong with all of them.
  if (held !== undefined && open.length === count) return { outcome: 'hold', reason: plainReason(held) };
  return { outcome: 'partial', retry: open, reject: [], reason: plainReason((held ?? late)!) };
}

function whole(error: string): Verdict {
  return { outcome: passing.test(error) ? 'retry' : 'hold', reason: plainReason(error) };
}
