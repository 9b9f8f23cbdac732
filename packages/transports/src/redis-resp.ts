// RESP, the protocol of Redis: commands out, answers in.
// In: words; bytes, cut anywhere. Out: commands as bytes; of each answer what it says went wrong, as values do not matter
// to who only writes. Source: redis.io/docs/latest/develop/reference/protocol-spec (version 2).
// Invariant: what is kept of an unfinished answer is bounded.

/** An answer: the error that the server gave, or undefined. */
export type RedisAnswer = string | undefined;

/** Answers to XADD, RPUSH, AUTH are tens of bytes, errors hundreds. */
const maxAnswerBytes = 1_048_576;
const maxErrorLength = 500;
const returnByte = 0x0d;
const [plus, minus, colon, dollar, star] = [...'+-:$*'].map((mark) => mark.charCodeAt(0));

/** A command of words. */
export function redisCommand(words: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), redisWords(words)]);
}

/** Words of a command. */
export function redisWords(words: readonly string[]): Buffer {
  return Buffer.from(words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join(''));
}

/** Reads answers from a stream. */
export class RespReader {
  #rest: Buffer = Buffer.alloc(0);
  #at = 0;

  /** The answers that are complete with this data.
   * @throws Error with the code `SPILLWAY_PROTOCOL` for what is no RESP
   */
  read(data: Buffer): RedisAnswer[] {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const answers: RedisAnswer[] = [];
    let read = 0;
    this.#at = 0;
    for (let answer = this.#answer(); answer !== unfinished; answer = this.#answer()) {
      answers.push(answer);
      read = this.#at;
    }
    this.#rest = this.#rest.subarray(read);
    if (this.#rest.length > maxAnswerBytes) throw notRedis();
    return answers;
  }

  /** The answer at the current position, which moves behind it; of a list, the first error in it. */
  #answer(): RedisAnswer | typeof unfinished {
    if (this.#at >= this.#rest.length) return unfinished;
    const mark = this.#rest[this.#at];
    const line = this.#line();
    if (line === undefined) return unfinished;
    if (mark === plus || mark === colon) return undefined;
    if (mark === minus) return line.slice(0, maxErrorLength);
    const size = Number(line);
    if ((mark !== dollar && mark !== star) || !Number.isInteger(size) || size < -1 || size > maxAnswerBytes) {
      throw notRedis();
    }
    return mark === dollar ? this.#skip(size) : this.#list(size);
  }

  #line(): string | undefined {
    const end = this.#rest.indexOf(returnByte, this.#at);
    if (end < 0 || end + 1 >= this.#rest.length) return undefined;
    const line = this.#rest.toString('utf8', this.#at + 1, end);
    this.#at = end + 2;
    return line;
  }

  #skip(size: number): undefined | typeof unfinished {
    if (size < 0) return undefined;
    this.#at += size + 2;
    return this.#at > this.#rest.length ? unfinished : undefined;
  }

  #list(size: number): RedisAnswer | typeof unfinished {
    let first: RedisAnswer;
    for (let i = 0; i < size; i++) {
      const answer = this.#answer();
      if (answer === unfinished) return unfinished;
      first ??= answer;
    }
    return first;
  }
}

const unfinished = Symbol('unfinished');

function notRedis(): Error {
  return Object.assign(new Error('the answer is no RESP'), { code: 'SPILLWAY_PROTOCOL' });
}
