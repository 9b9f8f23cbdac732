import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Batch, classifyFailure, type DatagramReply, type StreamWire, systemRuntime } from '@spillway/core';
import {
  authority,
  batchOf,
  linesOf,
  logBatch,
  type PeerOptions,
  recordingPeer,
  sendSettings,
  transportContract,
} from '@spillway/testing';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SyslogOptions, syslog } from './syslog.js';
import type { SyslogMessages } from './syslog-messages.js';
import type { RelpReply } from './syslog-relp.js';
import { nextTransaction, RelpReader, relpFrame } from './syslog-relp-frames.js';

interface Message {
  readonly priority: number;
  readonly time: string;
  readonly header: readonly string[];
  readonly data: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly text: string;
}

// The ABNF of RFC 5424, section 6, as a regular expression.
const param = String.raw`[!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*"`;
const element = String.raw`\[[!#-<>-\\^-~]{1,32}(?: ${param})*\]`;
const message = new RegExp(
  String.raw`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (-|(?:${element})+) (.*)$`,
  's',
);

function parseMessage(bytes: Buffer): Message {
  const match = message.exec(bytes.toString());
  if (!match) throw new Error(`not RFC 5424: ${bytes}`);
  const [, priority, time, host, app, process, id, data, text] = match as unknown as string[];
  const elements = [...data!.matchAll(new RegExp(element, 'g'))].map(([whole]) => {
    const params = [...whole.matchAll(/ ([^=]+)="((?:[^"\\\]]|\\.)*)"/g)];
    const values = params.map(([, name, value]) => [name, value!.replace(/\\(["\\\]])/g, '$1')]);
    return [whole.slice(1).split(/[ \]]/)[0], Object.fromEntries(values)];
  });
  return {
    priority: Number(priority),
    time: time!,
    header: [host!, app!, process!, id!],
    data: Object.fromEntries(elements),
    text: text!,
  };
}

/** Octet counting, RFC 6587 section 3.4.1. */
function unframe(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(' ', at);
    const length = Number(body.toString('latin1', at, space));
    messages.push(body.subarray(space + 1, space + 1 + length));
    at = space + 1 + length;
  }
  return messages;
}

type Wire = StreamWire | SyslogMessages | { records: Buffer[][] };

function messagesOf(wire: Wire, { url, framing }: SyslogOptions): Message[] {
  if ('records' in wire) return wire.records.map(([datagram]) => parseMessage(datagram!));
  if ('ends' in wire) {
    return Array.from(wire.ends, (end, i) => parseMessage(wire.body.subarray(i === 0 ? 0 : wire.ends[i - 1], end)));
  }
  if (framing !== 'newline') return unframe(wire.body).map(parseMessage);
  expect(url.startsWith('tcp')).toBe(true);
  return wire.body
    .toString()
    .split('\n')
    .slice(0, -1)
    .map((text) => parseMessage(Buffer.from(text)));
}

const severities: Record<number, number> = { 0: 6, 10: 7, 20: 7, 30: 6, 35: 6, 40: 4, 50: 3, 60: 2, 65: 2 };
const url = 'tcp://127.0.0.1:9';
const hostname = 'web-1';
const structured: SyslogOptions = {
  url,
  hostname,
  facility: 'local7',
  appName: 'shop',
  messageId: 'ID47',
  structuredData: { 'shop@32473': { env: 'a "quoted" \\ [value]', team: 'grüße' }, 'empty@32473': {} },
  structuredDataFrom: { 'ctx@32473': ['trace_id', 'msg', 'nested', 'missing'] },
  recordIdElement: 'shop@32473',
  cookie: 'cee',
  maxMessageBytes: '1mb',
};

const taken = (answers: Extract<RelpReply, { kind: 'answered' }>['answers'], reason = '') =>
  ({ kind: 'answered', answers, reason }) as const;

transportContract<SyslogOptions, Wire, RelpReply | DatagramReply | 'taken'>({
  name: 'syslog',
  make: syslog,
  options: { url, hostname, maxMessageBytes: '1mb' },
  variants: {
    newline: { url, hostname, maxMessageBytes: '1mb', framing: 'newline' },
    relp: { url: 'relp://127.0.0.1:9', hostname, maxMessageBytes: '1mb' },
    udp: { url: 'udp://127.0.0.1:9', hostname, maxMessageBytes: 65_507 },
    'structured data': structured,
  },
  secret: {
    options: { url: 'tls://127.0.0.1:9', tls: { key: 'hunter2', passphrase: 'hunter3' } },
    secrets: ['hunter2', 'hunter3'],
  },
  decode: (wire, options) =>
    messagesOf(wire, options).map(({ priority, time, header, data, text }) => ({
      priority,
      time,
      header,
      // The pipeline rejects what a datagram cannot hold; here it is cut.
      text: text.slice(0, 40_000),
      data: options.structuredData ? Object.keys(data) : data,
    })),
  expected: (batch: Batch, i, options) => ({
    priority: (options.facility ? 23 : 1) * 8 + severities[batch.levels[i]!]!,
    time: new Date(batch.times[i]!).toISOString(),
    header: [hostname, options.appName ?? 'app', '-', options.messageId ?? '-'],
    text: `${options.cookie ? '@cee: ' : ''}${batch.line(i)}`.slice(0, 40_000),
    data: options.structuredData ? ['shop@32473', 'empty@32473', 'ctx@32473'] : {},
  }),
  replies: [{ name: 'nothing, which is all there is', reply: 'taken', verdict: 'ack' }],
});

transportContract<SyslogOptions, Wire, RelpReply>({
  name: 'syslog over RELP',
  make: syslog,
  options: { url: 'relp+tls://127.0.0.1:9' },
  runs: 5,
  replies: [
    { name: 'all taken', reply: taken(['taken', 'taken', 'taken']), verdict: 'ack' },
    {
      name: 'one refused',
      reply: taken(['taken', 'refused', 'taken'], '500 bad message'),
      verdict: { outcome: 'partial', retry: [], reject: [1], reason: '500 bad message' },
    },
    {
      name: 'cut off in the middle',
      reply: taken(['taken', 'unanswered', 'unanswered'], 'connection ended'),
      verdict: { outcome: 'partial', retry: [1, 2], reject: [] },
    },
    { name: 'all refused', reply: taken(['refused', 'refused', 'refused'], '500'), verdict: 'reject' },
    {
      name: 'a single one refused',
      reply: taken(['refused']),
      batch: batchOf(['{"msg":"a"}']),
      verdict: 'reject',
    },
    { name: 'no syslog here', reply: { kind: 'refused', reason: '500 go away' }, verdict: 'hold' },
  ],
});

transportContract<SyslogOptions, Wire, DatagramReply>({
  name: 'syslog over UDP',
  make: syslog,
  options: { url: 'udp://127.0.0.1:9' },
  runs: 5,
  replies: [
    { name: 'all sent', reply: { tooLarge: [] }, verdict: 'ack' },
    { name: 'one too large', reply: { tooLarge: [2] }, verdict: { outcome: 'partial', reject: [2] } },
  ],
});

const listen = async (options: PeerOptions = {}) => {
  const peer = await recordingPeer(options);
  onTestFinished(() => peer.close());
  return peer;
};

function open(options: SyslogOptions) {
  const transport = syslog(options);
  const sender = transport.open(systemRuntime, sendSettings);
  onTestFinished(() => sender.close());
  return async (batch: Batch, signal = AbortSignal.timeout(15_000)) => {
    try {
      return transport.classify(await sender.send(transport.encode(batch), signal), batch);
    } catch (error) {
      return classifyFailure(error);
    }
  };
}

const three = batchOf(['{"level":30,"msg":"a"}', '{"level":40,"msg":"b"}', '{"level":50,"msg":"c"}']);

describe('a message', () => {
  it('is what the reference says, byte for byte', () => {
    const transport = syslog({
      url,
      facility: 'local0',
      hostname: 'web-1',
      appName: 'checkout',
      processId: '4242',
    });
    const batch = batchOf(['{"level":30,"msg":"hi"}'], { times: [1_700_000_000_123], levels: [30] });
    expect(transport.encode(batch).body.toString()).toBe(
      '79 <134>1 2023-11-14T22:13:20.123Z web-1 checkout 4242 - - {"level":30,"msg":"hi"}',
    );
  });

  it('counts bytes, not characters', () => {
    const batch = batchOf(['{"level":30,"msg":"grüße 🌍"}']);
    expect(unframe(syslog({ url }).encode(batch).body).map((m) => parseMessage(m).text)).toEqual(linesOf(batch));
  });

  it('carries fields, constants and the id of its record as structured data', () => {
    const line = JSON.stringify({ level: 30, msg: 'a\n"b" ] \\', trace_id: 't-1', nested: { a: [1] }, long: 'x' });
    const [only] = messagesOf(syslog(structured).encode(batchOf([line], { firstSequence: 7 })), structured);
    expect(only?.data).toEqual({
      'shop@32473': { env: 'a "quoted" \\ [value]', team: 'grüße', id: 'w1-7' },
      'empty@32473': {},
      'ctx@32473': { trace_id: 't-1', msg: 'a "b" ] \\', nested: '{"a":[1]}' },
    });
  });

  it('never exceeds its limit, whatever is lifted from the line', () => {
    const options = { ...structured, maxMessageBytes: 4096 };
    const { limits } = syslog(options);
    const wild = (unit: string) => unit.repeat(limits.maxRecordBytes);
    for (const unit of ['x', '"', '\\', '🌍', ']', '\u0000', 'é']) {
      let fields = { level: 30, trace_id: wild(unit), msg: wild(unit), nested: { a: wild(unit) } };
      while (Buffer.byteLength(JSON.stringify(fields)) > limits.maxRecordBytes) {
        const half = (text: string) => text.slice(0, text.length >> 1);
        fields = {
          ...fields,
          trace_id: half(fields.trace_id),
          msg: half(fields.msg),
          nested: { a: half(fields.nested.a) },
        };
      }
      const [only] = unframe(syslog(options).encode(batchOf([JSON.stringify(fields)])).body);
      expect(only!.length).toBeLessThanOrEqual(4096);
      parseMessage(only!);
    }
  });

  it('that is too long is cut between characters when that is wanted', () => {
    const options: SyslogOptions = { url, hostname, maxMessageBytes: 480, whenTooLong: 'cut' };
    for (let padding = 0; padding < 5; padding++) {
      const line = `{"msg":"${'.'.repeat(padding)}${'🌍'.repeat(300)}"}`;
      const [whole] = unframe(syslog(options).encode(batchOf([line])).body);
      expect(whole!.length).toBeGreaterThan(475);
      expect(whole!.length).toBeLessThanOrEqual(480);
      expect(line.startsWith(parseMessage(whole!).text)).toBe(true);
    }
    expect(syslog(options).limits.maxRecordBytes).toBeGreaterThan(100_000);
    expect(syslog({ url, hostname }).limits.maxRecordBytes).toBeLessThan(8192);
  });

  it.each([
    [{ url: 'http://host' }, 'tcp://host[:port, default 514]'],
    [{ url, appName: 'my app' }, '1 to 48 printable ASCII characters'],
    [{ url, facility: 'local8' }, "'local7'"],
    [{ url, structuredData: { 'a=b': {} } }, 'the name syslog.structuredData.a=b'],
    [{ url, structuredData: { a: { 'b c': 'd' } } }, 'b c'],
    [{ url, recordIdElement: ']' }, 'the name of an element'],
    [{ url: 'udp://host', maxMessageBytes: 70_000 }, 'at most 65507 over UDP'],
    [{ url, maxMessageBytes: 500, structuredDataFrom: { a: ['b'] } }, 'to be at least'],
    [{ url, tls: { ca: 'x' } }, 'no `syslog.tls` with tcp://'],
    [{ url: 'udp://h', confirm: 'read', framing: 'newline' }, 'no `syslog.framing`, `syslog.confirm` with udp://'],
    [{ url: 'relp://h:2514', confirmMs: 5 }, 'no `syslog.confirmMs` with relp://'],
    [{ url, confirm: 'read', confirmMs: 5 }, 'no `syslog.confirmMs` with confirm read'],
  ])('refuses %j', (options, text) => {
    expect(() => syslog(options as SyslogOptions)).toThrow(text);
  });
});

it('a scheme is the same however it is written', () => {
  expect(() => syslog({ url: 'RELP://h:2514', confirmMs: 5 })).toThrow('no `syslog.confirmMs` with relp://');
  const { recommended } = syslog({ url: ' RELP://h:2514', hostname });
  expect(recommended).toEqual(syslog({ url: 'relp://h:2514', hostname }).recommended);
});

describe('over a stream', () => {
  const ours = authority();

  it.each(['written', 'read'] as const)('TLS carries what TCP does (%s)', async (confirm) => {
    const peer = await listen({ tls: ours.issue() });
    const waiting = confirm === 'written' ? { confirmMs: 50 } : {};
    const send = open({ url: `tls://localhost:${peer.port}`, confirm, ...waiting, tls: { ca: ours.cert } });
    expect(await send(three)).toEqual({ outcome: 'ack' });
    await peer.until(() => unframe(peer.data).length === 3, 'the messages');
    expect(unframe(peer.data).map((m) => parseMessage(m).text)).toEqual(linesOf(three));
  });

  it('a unix socket too', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-syslog-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, 'log.sock');
    const peer = await listen({ listen: path });
    expect(await open({ url: `unix://${path}`, confirmMs: 50 })(three)).toEqual({ outcome: 'ack' });
    expect(unframe(peer.data)).toHaveLength(3);
  });
});

/** A RELP server that answers as it is told, built on the frame reader of the client and nothing else of it. */
function relpServer(
  answer: (transaction: number, text: string) => string | undefined,
  hello = '200 OK\ncommands=syslog',
) {
  const readers: RelpReader[] = [];
  const seen: string[] = [];
  const most = { unanswered: 0 };
  const options: PeerOptions = {
    accept(socket, number) {
      readers[number] = new RelpReader();
      socket.on('data', (chunk) => {
        const frames = readers[number]!.read(chunk);
        most.unanswered = Math.max(most.unanswered, frames.filter(({ command }) => command === 'syslog').length);
        for (const { transaction, command, data } of frames) {
          if (command === 'open') socket.write(relpFrame(transaction, 'rsp', hello));
          if (command === 'close')
            socket.end(Buffer.concat([relpFrame(transaction, 'rsp', ''), relpFrame(0, 'serverclose', '')]));
          if (command !== 'syslog') continue;
          const { text } = parseMessage(Buffer.from(data));
          const reply = answer(transaction, text);
          if (reply === undefined) return void socket.resetAndDestroy();
          seen.push(text);
          if (reply !== '') socket.write(relpFrame(transaction, 'rsp', reply));
        }
      });
    },
  };
  return { options, seen, most };
}

describe('over RELP', () => {
  const many = batchOf(Array.from({ length: 1000 }, (_, i) => `{"level":30,"n":${i}}`));

  it('each message is answered, with no more than a window of them on the way', async () => {
    const server = relpServer(() => '200 OK');
    const peer = await listen(server.options);
    const send = open({ url: `relp://127.0.0.1:${peer.port}` });
    const verdicts = await Promise.all([send(many), send(three)]);
    expect(verdicts).toEqual([{ outcome: 'ack' }, { outcome: 'ack' }]);
    expect(server.seen).toEqual([...linesOf(many), ...linesOf(three)]);
    expect(peer.connections).toHaveLength(1);
    expect(server.most.unanswered).toBeLessThanOrEqual(128);
  });

  it('what was answered before a break does not go out again', async () => {
    const server = relpServer((transaction) => (transaction > 401 ? undefined : '200 OK'));
    const peer = await listen(server.options);
    const verdict = await open({ url: `relp://127.0.0.1:${peer.port}` })(many);
    // Answers that were on their way when the connection broke may be lost with it.
    expect(verdict).toMatchObject({ outcome: 'partial', reject: [] });
    const retry = verdict.outcome === 'partial' ? verdict.retry : [];
    expect(retry.at(-1)).toBe(999);
    expect(retry.length).toBeGreaterThanOrEqual(600);
    expect(retry.length).toBeLessThan(1000);
  });

  it('a refused message is refused for good, the others are taken', async () => {
    const server = relpServer((_, text) => (text.includes('"b"') ? '500 no\u001b[31m such' : '200 OK'));
    const peer = await listen(server.options);
    expect(await open({ url: `relp://127.0.0.1:${peer.port}` })(three)).toEqual({
      outcome: 'partial',
      retry: [],
      reject: [1],
      reason: '500 no [31m such',
    });
  });

  it.each([
    ['500 not allowed', '500 not allowed'],
    ['200 OK\nrelp_version=0\ncommands=starttls', 'the destination takes no syslog messages'],
    ['200 OK', 'the destination takes no syslog messages'],
  ])('a refused greeting is a hold: %j', async (hello, reason) => {
    const peer = await listen(relpServer(() => '200 OK', hello).options);
    expect(await open({ url: `relp://127.0.0.1:${peer.port}` })(three)).toEqual({ outcome: 'hold', reason });
  });

  it('a welcome with a goodbye behind it is a retry, and the next connection is used', async () => {
    const goodbye = relpFrame(0, 'serverclose', '');
    const server = relpServer(() => '200 OK');
    const peer = await listen({
      ...server.options,
      accept(socket, number) {
        if (number > 1) return server.options.accept?.(socket, number);
        const welcome = relpFrame(1, 'rsp', '200 OK\ncommands=syslog');
        socket.once('data', () => socket.write(Buffer.concat([welcome, goodbye])));
      },
    });
    const send = open({ url: `relp://127.0.0.1:${peer.port}` });
    expect(await send(three)).toEqual({
      outcome: 'retry',
      reason: 'connection closed by the destination (SPILLWAY_PEER_CLOSED)',
    });
    expect(await send(three)).toEqual({ outcome: 'ack' });
  });

  it('silence is a retry of what was not answered, within the time of the batch', async () => {
    const server = relpServer((_, text) => (/"[bc]"/.test(text) ? '' : '200 OK'));
    const peer = await listen(server.options);
    const send = open({ url: `relp://127.0.0.1:${peer.port}` });
    const limit = new AbortController();
    const verdict = send(three, limit.signal);
    await peer.until(() => server.seen.length === 3, 'the messages');
    // Answers come in order: once this one is there, that to the first message is.
    expect(await send(batchOf(['{"msg":"d"}']))).toEqual({ outcome: 'ack' });
    limit.abort();
    expect(await verdict).toMatchObject({ outcome: 'partial', retry: [1, 2], reject: [] });
  });

  it.each([
    ['a mail server', '220 mail.example ESMTP\r\n'],
    ['an endless number', '1'.repeat(100)],
    ['a huge answer', '1 rsp 999999999 200 OK'],
    ['another command', '1 syslog 2 hi\n'],
  ])('what is no RELP is a hold: %s', async (_, words) => {
    const peer = await listen({ accept: (socket) => void socket.write(words) });
    expect(await open({ url: `relp://127.0.0.1:${peer.port}` })(three)).toEqual({
      outcome: 'hold',
      reason: 'the destination speaks another protocol (SPILLWAY_PROTOCOL)',
    });
  });

  it('frames survive any cut', () => {
    fc.assert(
      fc.property(logBatch, fc.array(fc.integer({ min: 1, max: 50 })), (batch, cuts) => {
        const lines = linesOf(batch);
        const bytes = Buffer.concat([
          relpFrame(999_999_999, 'rsp', ''),
          ...lines.map((line, i) => relpFrame(i + 1, 'syslog', line)),
        ]);
        const reader = new RelpReader();
        const frames = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = cuts[n % Math.max(cuts.length, 1)] ?? bytes.length;
          frames.push(...reader.read(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(frames[0]).toMatchObject({ transaction: 999_999_999, command: 'rsp', data: '' });
        expect(frames.slice(1).map(({ data }) => data)).toEqual(lines);
      }),
    );
    expect(relpFrame(1, 'close', '').toString()).toBe('1 close 0\n');
    expect(relpFrame(2, 'rsp', '200 OK').toString()).toBe('2 rsp 6 200 OK\n');
  });

  it('transaction numbers start over after 999999999', () => {
    expect([0, 1, 999_999_998, 999_999_999].map(nextTransaction)).toEqual([1, 2, 999_999_999, 1]);
  });
});
