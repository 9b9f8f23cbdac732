// Redis and Valkey: entries of a stream, or elements of a list, as Logstash takes them.
// In: batches. Out: XADD or RPUSH over one connection, whole batches at a time; lines untouched. No client is needed.
// Redis answers each command: what was stored before a connection broke is not sent again.

import {
  choice,
  custom,
  dictionary,
  flag,
  type Input,
  integer,
  object,
  type Parsed,
  parseOptions,
  required,
  SpillwayError,
  streamFields,
  streamTransport,
  type Transport,
  text,
} from '@spillway/core';
import { refuseIdle, refuseWith } from './applicable.js';
import { type RedisPlace, redisPlace } from './redis-address.js';
import { type RedisForm, redisCommands, redisEnvelope, redisOverhead, redisProbe } from './redis-commands.js';
import { KeyFollower } from './redis-follower.js';
import { classifyRedis } from './redis-replies.js';
import { type RedisLogin, type RedisReply, RedisSession, type RedisWire } from './redis-session.js';
import type { Traits } from './traits.js';

/** Options of {@link redis}. */
export const redisOptions = object(
  {
    url: required(
      custom<string>({
        expected: 'an address such as redis://host[:port, default 6379][/database], rediss://host or unix:///path',
        check: (value) => (typeof value === 'string' && redisPlace(value) ? value : undefined),
        doc: 'Where Redis listens. `rediss` is TLS. Credentials may stand before the host.',
      }),
    ),
    key: text({ default: 'logs', doc: 'Key of the stream or list.' }),
    type: choice(['stream', 'list'], {
      default: 'stream',
      doc: 'stream: an entry a record, by XADD. list: an element a record, by RPUSH, for Logstash.',
    }),
    maxLength: integer({
      min: 1,
      doc: 'Entries to keep: older ones are removed, read or not. Of a stream about as many, of a list exactly. Default: nothing is ever removed.',
    }),
    field: text({ default: 'line', doc: 'Streams: name of the field that holds the line.' }),
    idField: text({
      doc: "Streams: name of a field for the record's id, by which readers can tell repetitions. Default: none.",
    }),
    fields: dictionary(text({ doc: 'Value.' }), {
      default: {},
      doc: 'Streams: constant fields, such as the application.',
    }),
    idempotent: flag({
      default: false,
      doc: 'Streams: lets the server recognize repetitions (`IDMP`). Needs Redis 8.6.',
    }),
    username: text({ doc: 'User of the access control list. Default: that of the URL, else the default user.' }),
    password: text({ secret: true, doc: 'Password. Default: that of the URL.' }),
    passwordFile: text({ doc: 'File that holds the password; read for each new connection.' }),
    database: integer({ max: 1_000_000, doc: 'Number of the database. Default: that of the URL, else 0.' }),
    ...streamFields(),
  },
  { doc: 'Redis and Valkey.' },
);

/** What users write. */
export type RedisOptions = Input<typeof redisOptions>;

/** Facts for the docs. */
export const redisTraits: Traits = {
  title: 'Redis and Valkey',
  body: 'framed',
  maxRequest: 'no limit of its own; we send 256 KiB at a time',
  maxRecord: '4 MiB; Redis takes 512 MiB',
  idempotency:
    'none, but what was answered before a connection broke is not sent again; record with `IDMP` of Redis 8.6',
  compression: 'none',
  auth: 'password, user and password, mutual TLS',
  proven: 'Redis 7 (TCP, TLS, unix socket, ACL), read back with XRANGE and LRANGE',
};

/** A query buffer may take 1 GiB (client-query-buffer-limit), a command a million words; batches stay far below both. */
const maxBytes = 16_777_216;
const maxRecords = 100_000;
/** A value may have 512 MiB (proto-max-bulk-len). */
const maxRecordBytes = 4_194_304;

/** Ships to Redis or Valkey.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example redis({ url: 'rediss://cache:6380', key: 'logs:shop', maxLength: 1_000_000, passwordFile: '/run/secrets/redis' })
 */
export function redis(options: RedisOptions): Transport<RedisWire, RedisReply> {
  const parsed = parseOptions(redisOptions, options, 'redis');
  const place = redisPlace(parsed.url)!;
  refuseUseless(parsed, options, place);
  const form: RedisForm = parsed;
  const login = loginOf(parsed, place);
  const transportAt = (address: RedisPlace['address']) =>
    streamTransport<RedisWire, RedisReply>({
      name: 'redis',
      url: place.shown,
      address,
      options: parsed,
      limits: { maxBytes, maxRecords, maxRecordBytes, overheadBytes: redisOverhead(form) + redisEnvelope(form) },
      idempotency: form.idempotent ? 'record' : 'none',
      recommended: { maxBytes: 262_144, maxRecords: 500, lingerMs: 50, maxInFlight: 1, timeoutMs: 10_000 },
      encode: (batch) => redisCommands(batch, form),
      sizeOf: ({ body }) => body.length,
      classify: (reply, batch) => classifyRedis(reply, batch, form.type),
      protocol: () => ({ open: (context) => new RedisSession(context, login) }),
    });
  return {
    ...transportAt(place.address),
    open: (runtime, settings) =>
      new KeyFollower(place.address, (address) => transportAt(address).open(runtime, settings)),
  };
}

function loginOf(parsed: Parsed<typeof redisOptions>, place: RedisPlace): RedisLogin {
  const { passwordFile, username = place.username, password = place.password } = parsed;
  if (username !== undefined && (password ?? passwordFile) === undefined) {
    // Redis has no login without a password: we would be its default user.
    const message = 'Expected `redis.password` or `redis.passwordFile` with a user name, got neither';
    throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', message);
  }
  return {
    probe: redisProbe(parsed),
    username,
    password,
    passwordFile,
    database: parsed.database ?? place.database ?? 0,
  };
}

/** Options that would have no effect, or contradict each other. */
function refuseUseless({ type }: Parsed<typeof redisOptions>, given: RedisOptions, place: RedisPlace): void {
  if (type === 'list') refuseWith('redis', given, 'type list', ['field', 'idField', 'fields', 'idempotent']);
  const { address, shown } = place;
  if (address.kind !== 'tls') refuseIdle('redis', given, shown.slice(0, shown.indexOf(':')), ['tls']);
  if (place.database !== undefined) refuseWith('redis', given, 'a database in the URL', ['database']);
}
