// A conversation with Redis over one connection: logging in, then batches, whose answers come in the order of their commands.
// In: wires. Out: for each command of a batch what was answered, as far as answers came before the connection ended.
// Invariants: an answer is for the oldest command without one; credentials are read anew for each connection.

import { readFile } from 'node:fs/promises';
import { type SessionContext, SpillwayError, type StreamSession } from '@spillway/core';
import { type RedisAnswer, RespReader, redisCommand } from './redis-resp.js';

/** A batch as commands. */
export interface RedisWire {
  readonly body: Buffer;
  /** How many commands they are. */
  readonly commands: number;
}

/** What Redis said about the commands of a batch, in their order. Fewer answers: the connection ended before the others. */
export type RedisReply =
  | { readonly kind: 'answered'; readonly answers: readonly RedisAnswer[] }
  /** It does not let us in. */
  | { readonly kind: 'refused'; readonly error: string };

/** As whom to log in, and where to. */
export interface RedisLogin {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly passwordFile: string | undefined;
  readonly database: number;
  /** A command that changes nothing and is refused for the same reasons as what comes later. */
  readonly probe: readonly string[] | undefined;
}

interface Job {
  readonly wire: RedisWire;
  readonly answers: RedisAnswer[];
  resolve(reply: RedisReply): void;
  reject(error: unknown): void;
}

/** One connection's conversation. */
export class RedisSession implements StreamSession<RedisWire, RedisReply> {
  readonly #connection: SessionContext['connection'];
  readonly #login: RedisLogin;
  readonly #reader = new RespReader();
  readonly #jobs: Job[] = [];

  constructor({ connection }: SessionContext, login: RedisLogin) {
    this.#connection = connection;
    this.#login = login;
  }

  async greet(): Promise<RedisReply | undefined> {
    const commands = await greeting(this.#login);
    if (commands.length === 0) return undefined;
    const reply = await this.send({ body: Buffer.concat(commands), commands: commands.length });
    const error = reply.kind === 'answered' ? reply.answers.find((answer) => answer !== undefined) : reply.error;
    return error === undefined ? undefined : { kind: 'refused', error };
  }

  send(wire: RedisWire): Promise<RedisReply> {
    return new Promise((resolve, reject) => {
      // It may have ended while the password was read: then nothing would end it again.
      this.#connection.assertAlive();
      this.#jobs.push({ wire, answers: [], resolve, reject });
      // A failure to write is the end of the connection, which settles all jobs.
      this.#connection.write([wire.body]).catch(() => {});
    });
  }

  received(data: Buffer): void {
    for (const answer of this.#reader.read(data)) {
      const [job] = this.#jobs;
      // Before it closes a connection that it does not want, the server says why without having been asked.
      if (!job) return;
      job.answers.push(answer);
      if (job.answers.length === job.wire.commands) {
        this.#jobs.shift();
        job.resolve({ kind: 'answered', answers: job.answers });
      }
      // The primary has become a replica: a new connection may find the new primary behind the same name.
      if (answer?.startsWith('READONLY')) queueMicrotask(() => this.#connection.destroy(demoted()));
    }
  }

  ended(error: unknown): void {
    for (const { answers, resolve, reject } of this.#jobs.splice(0)) {
      if (answers.length > 0) resolve({ kind: 'answered', answers });
      else reject(error);
    }
  }
}

async function greeting({ username, password, passwordFile, database, probe }: RedisLogin): Promise<Buffer[]> {
  const secret = passwordFile === undefined ? password : await readPassword(passwordFile);
  return [
    ...(secret === undefined ? [] : [redisCommand(['AUTH', ...(username === undefined ? [] : [username]), secret])]),
    ...(database === 0 ? [] : [redisCommand(['SELECT', String(database)])]),
    ...(probe ? [redisCommand(probe)] : []),
  ];
}

async function readPassword(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    throw new SpillwayError('SPILLWAY_CREDENTIALS', `Cannot read the file of \`passwordFile\` (${code})`, { cause });
  }
}

function demoted(): Error {
  return Object.assign(new Error('not the primary any more'), { code: 'ECONNRESET' });
}
