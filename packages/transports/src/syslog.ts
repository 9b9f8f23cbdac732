// Syslog, RFC 5424: rsyslog, syslog-ng and whatever else takes it, over TCP, TLS, UDP, a unix socket or RELP.
// In: batches. Out: a message a record, the line as its text. RELP acknowledges each message; the others acknowledge nothing,
// and an ack is worth what `confirm` says.

import { hostname } from 'node:os';
import {
  type AnyTransport,
  addressOf,
  type Batch,
  choice,
  confirmFields,
  datagramTransport,
  dictionary,
  type Input,
  type Limits,
  list,
  object,
  type Parsed,
  parseOptions,
  plainProtocol,
  plainReason,
  required,
  SpillwayError,
  size,
  streamFields,
  streamTransport,
  streamUrl,
  text,
  type Verdict,
} from '@spillway/core';
import { refuseIdle, refuseWith } from './applicable.js';
import { type DataElements, dataName } from './syslog-data.js';
import {
  maxHeaderBytes,
  overheadBytes,
  type SyslogForm,
  type SyslogMessages,
  syslogEncoder,
} from './syslog-messages.js';
import { type RelpReply, relpProtocol } from './syslog-relp.js';
import type { Traits } from './traits.js';

/** Schemes of addresses; 514 and 6514 are assigned by IANA, RELP has no port of its own. */
const schemes = {
  tcp: { over: 'tcp', port: 514 },
  tls: { over: 'tls', port: 6514 },
  udp: { over: 'udp', port: 514 },
  unix: { over: 'unix' },
  relp: { over: 'tcp' },
  'relp+tls': { over: 'tls' },
} as const;

const facilities = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['ntp', 'security', 'console', 'clock'],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
] as const;

/** A header field: printable ASCII without spaces, RFC 5424 section 6.2. */
const field = (max: number) => ({
  pattern: new RegExp(`^[!-~]{1,${max}}$`),
  expected: `1 to ${max} printable ASCII characters without spaces`,
});
const dataNames = text({
  pattern: dataName,
  expected: '1 to 32 printable ASCII characters without spaces, =, ] and "',
  doc: 'Name of an element, as in `shop@32473`, or of a parameter.',
});

/** Options of {@link syslog}. */
export const syslogOptions = object(
  {
    url: required(streamUrl(schemes, 'Where the receiver listens.')),
    facility: choice(facilities, { default: 'user', doc: 'Facility of all messages.' }),
    appName: text({ ...field(48), default: 'app', doc: 'APP-NAME: the application.' }),
    hostname: text({ ...field(255), doc: "HOSTNAME. Default: this machine's name." }),
    processId: text({ ...field(128), default: '-', doc: 'PROCID. The line has the process id already.' }),
    messageId: text({ ...field(32), default: '-', doc: 'MSGID of all messages.' }),
    structuredData: dictionary(dictionary(text({ doc: 'Value.' }), { keys: dataNames, doc: 'Parameters.' }), {
      default: {},
      keys: dataNames,
      doc: 'Constant structured data: elements, and their parameters.',
    }),
    structuredDataFrom: dictionary(list(text({ doc: 'Top-level field.' }), { doc: 'Fields.' }), {
      default: {},
      keys: dataNames,
      doc: 'Structured data from top-level fields: elements, and the fields that become their parameters. Lines are parsed for it, about 1 µs each.',
    }),
    recordIdElement: text({
      pattern: dataName,
      expected: 'the name of an element, such as shop@32473',
      doc: "Adds the record's id to this element, as parameter `id`, by which readers can tell repetitions.",
    }),
    cookie: choice(['none', 'cee'], {
      default: 'none',
      doc: 'What stands before the line. cee: `@cee: `, by which rsyslog and syslog-ng recognize JSON.',
    }),
    framing: choice(['octetCounting', 'newline'], {
      default: 'octetCounting',
      doc: 'How messages are told apart on a stream. newline: for receivers that do not count (RFC 6587, section 3.4.2).',
    }),
    maxMessageBytes: size({
      default: 8192,
      min: 480,
      max: 1_048_576,
      doc: "Largest message with its header. Raise it together with the receiver's: rsyslog's `maxMessageSize`, syslog-ng's `log-msg-size`; over UDP up to 65507.",
    }),
    whenTooLong: choice(['reject', 'cut'], {
      default: 'reject',
      doc: 'What becomes of a longer one. cut: its end is cut off, which leaves no valid JSON.',
    }),
    ...confirmFields(),
    ...streamFields(),
  },
  { doc: 'Syslog.' },
);

/** What users write. */
export type SyslogOptions = Input<typeof syslogOptions>;

/** Facts for the docs. */
export const syslogTraits: Traits = {
  title: 'Syslog (RFC 5424)',
  body: 'framed',
  maxRequest: 'a stream has none; we send up to 512 KiB at a time',
  maxRecord: '8 KiB with its header by default, an option',
  idempotency: 'none: a repeated message is stored again',
  compression: 'none',
  auth: 'mutual TLS',
  proven: 'rsyslog (TCP, TLS, mutual TLS, UDP, unix, RELP) and syslog-ng, read back from their files',
};

/** Most bytes of one batch; no limit of the protocol. */
const maxBytes = 4_194_304;
const maxDatagramBytes = 65_507;

/** Ships to a syslog receiver.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example syslog({ url: 'relp://logs.example.com:2514', appName: 'shop', facility: 'local0' })
 */
export function syslog(options: SyslogOptions): AnyTransport {
  const parsed = parseOptions(syslogOptions, options, 'syslog');
  const { url } = parsed;
  // Written in capitals or behind a space it is the same scheme.
  const scheme = new URL(url).protocol.slice(0, -1) as keyof typeof schemes;
  const address = addressOf(url, schemes)!;
  refuseIdle('syslog', options, scheme, idleOptions[scheme]);
  if (parsed.confirm === 'read') refuseWith('syslog', options, 'confirm read', ['confirmMs']);
  const form = formOf(parsed);
  const limits = limitsOf(form, parsed.whenTooLong, address.kind === 'udp' ? maxDatagramBytes : maxBytes);
  const common = { name: 'syslog', url, address, options: parsed, limits, idempotency: 'none' } as const;
  const onStream = { maxBytes: 524_288, maxRecords: 2000, lingerMs: 250, timeoutMs: 30_000 };
  if (address.kind === 'udp') {
    const encode = syslogEncoder(form, 'none');
    const { confirmMs, maxConnectionAgeMs } = parsed;
    return datagramTransport({
      ...common,
      address,
      confirmMs,
      maxConnectionAgeMs,
      recommended: { maxBytes: 65_536, maxRecords: 200, lingerMs: 250, maxInFlight: 1, timeoutMs: 30_000 },
      encode: (batch) => ({ records: each(encode(batch)) }),
    });
  }
  if (scheme === 'relp' || scheme === 'relp+tls') {
    return streamTransport<SyslogMessages, RelpReply>({
      ...common,
      recommended: { ...onStream, maxInFlight: 2 },
      encode: syslogEncoder(form, 'none'),
      sizeOf: ({ body }) => body.length,
      classify: classifyRelp,
      protocol: () => relpProtocol,
    });
  }
  const encode = syslogEncoder(form, parsed.framing);
  return streamTransport({
    ...common,
    recommended: { ...onStream, maxInFlight: 8 },
    encode: (batch) => ({ body: encode(batch).body }),
    sizeOf: ({ body }) => body.length,
    classify: () => ({ outcome: 'ack' }),
    protocol: () => plainProtocol(parsed),
  });
}

const connecting = ['connectTimeoutMs', 'keepAliveMs'];
const confirming = ['confirm', 'confirmMs'];
/** What means nothing with an address. */
const idleOptions: Readonly<Record<keyof typeof schemes, readonly string[]>> = {
  tcp: ['tls'],
  tls: [],
  udp: ['tls', 'framing', 'confirm', ...connecting],
  unix: ['tls'],
  relp: ['tls', 'framing', ...confirming],
  'relp+tls': ['framing', ...confirming],
};

function formOf(parsed: Parsed<typeof syslogOptions>): SyslogForm {
  const { facility, appName, processId, messageId, cookie, maxMessageBytes } = parsed;
  const form = {
    facility: facilities.indexOf(facility),
    hostname: parsed.hostname ?? ownHostname(),
    appName,
    processId,
    messageId,
    elements: elementsOf(parsed),
    cookie: cookie === 'cee' ? '@cee: ' : '',
    maxMessageBytes,
  };
  // The least that every receiver takes (RFC 5424, section 6.1) should be left for the line.
  const least = maxHeaderBytes(form) + 256;
  if (maxMessageBytes >= least) return form;
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`syslog.maxMessageBytes\` to be at least ${least} with these fields and structured data, got ${maxMessageBytes}`,
  );
}

function elementsOf(options: Parsed<typeof syslogOptions>): DataElements {
  const { structuredData, structuredDataFrom, recordIdElement } = options;
  const ids = new Set([...Object.keys(structuredData), ...Object.keys(structuredDataFrom)]);
  if (recordIdElement) ids.add(recordIdElement);
  const element = (id: string) => ({
    constant: structuredData[id] ?? {},
    fields: structuredDataFrom[id] ?? [],
    recordId: id === recordIdElement,
  });
  return new Map([...ids].map((id) => [id, element(id)]));
}

function limitsOf(form: SyslogForm, whenTooLong: 'reject' | 'cut', largest: number): Limits {
  const overhead = overheadBytes(form);
  if (form.maxMessageBytes > largest) {
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      `Expected \`syslog.maxMessageBytes\` to be at most ${largest} over UDP, got ${form.maxMessageBytes}`,
    );
  }
  const longest = whenTooLong === 'cut' ? 1_048_576 : form.maxMessageBytes - maxHeaderBytes(form);
  return { maxBytes, maxRecords: 50_000, maxRecordBytes: longest, overheadBytes: overhead };
}

function ownHostname(): string {
  return (
    hostname()
      .replace(/[^!-~]/g, '-')
      .slice(0, 255) || '-'
  );
}

function each({ body, ends }: SyslogMessages): Buffer[][] {
  return Array.from(ends, (end, i) => [body.subarray(i === 0 ? 0 : ends[i - 1], end)]);
}

function classifyRelp(reply: RelpReply, batch: Batch): Verdict {
  const reason = plainReason(reply.reason) || 'refused';
  if (reply.kind === 'refused') return { outcome: 'hold', reason };
  const indices = (wanted: string) => reply.answers.flatMap((answer, i) => (answer === wanted ? [i] : []));
  const reject = indices('refused');
  const retry = indices('unanswered');
  if (reject.length === batch.count) return { outcome: 'reject', reason };
  if (reject.length + retry.length === 0) return { outcome: 'ack' };
  return { outcome: 'partial', retry, reject, reason };
}
