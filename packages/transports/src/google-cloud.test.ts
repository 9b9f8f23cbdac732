import protos from '@google-cloud/logging-api/build/protos/protos.json' with { type: 'json' };
import { type Batch, type HttpReply, type HttpWire, imbalance, pipeline, type Verdict } from '@spillway/core';
import { batchOf, httpReply, recordingServer, transportContract } from '@spillway/testing';
import { fromProto3JSON, toProto3JSON } from 'proto3-json-serializer';
import protobuf from 'protobufjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GoogleCloudOptions, googleCloud } from './google-cloud.js';

const root = protobuf.Root.fromJSON(protos as protobuf.INamespace).resolveAll();
const requestType = root.lookupType('google.logging.v2.WriteLogEntriesRequest');
// Its types are those of an older protobufjs.
type MessageOfGoogle = Parameters<typeof toProto3JSON>[0];
const typeForGoogle = requestType as unknown as Parameters<typeof fromProto3JSON>[0];

interface Entry {
  readonly logName: string;
  readonly insertId: string;
  readonly timestamp: string;
  readonly severity?: string;
  readonly trace?: string;
  readonly spanId?: string;
  readonly traceSampled?: boolean;
  readonly jsonPayload: Readonly<Record<string, unknown>>;
}
interface Request {
  readonly entries: readonly Entry[];
}

/** Reads a body as Google's own protocol buffers have it: to binary and back. */
function requestOf({ body }: HttpWire): Request {
  const json = JSON.parse(body.toString());
  expect(strangers(requestType, json)).toEqual([]);
  const binary = requestType.encode(fromProto3JSON(typeForGoogle, json) as object).finish();
  return toProto3JSON(requestType.decode(binary) as unknown as MessageOfGoogle) as unknown as Request;
}

/** What the serializer lets through and the service would not: unknown fields, unknown names of enums, two of a oneof. */
function strangers(type: protobuf.Type, json: Record<string, unknown>): string[] {
  if (type.fullName === '.google.protobuf.Struct' || type.fullName === '.google.protobuf.Timestamp') return [];
  const found = Object.entries(json).flatMap(([name, value]) => {
    const field = type.fieldsArray.find(({ name: known }) => known === name);
    if (!field) return [`${type.name}: unknown ${name}`];
    const kind = field.resolvedType;
    if (kind instanceof protobuf.Enum) return Object.hasOwn(kind.values, String(value)) ? [] : [`unknown ${value}`];
    if (!(kind instanceof protobuf.Type) || field.map) return [];
    return (field.repeated ? (value as object[]) : [value as object]).flatMap((item) => strangers(kind, { ...item }));
  });
  const twice = type.oneofsArray.filter(({ fieldsArray }) => fieldsArray.filter(({ name }) => name in json).length > 1);
  return [...found, ...twice.map(({ name }) => `${type.name}: two of ${name}`)];
}

const here = { logName: 'shop', projectId: 'my-project', endpoint: 'http://127.0.0.1:9', bearerToken: 'hunter2' };

/** A line as the payload of its entry. */
function payload(batch: Batch, i: number, field = 'msg'): Record<string, unknown> {
  const fields = batch.fields(i);
  if (!Object.hasOwn(fields, field) || Object.hasOwn(fields, 'message')) return fields;
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name === field ? 'message' : name, value]));
}

function status(code: number, name: string, details: unknown[] = [], message = 'What went wrong') {
  return httpReply(code, JSON.stringify({ error: { code, message, status: name, details } }));
}
const typed = (name: string, fields: object) => ({ '@type': `type.googleapis.com/${name}`, ...fields });
const partial = (logEntryErrors: object) => typed('google.logging.v2.WriteLogEntriesPartialErrors', { logEntryErrors });
const wait = typed('google.rpc.RetryInfo', { retryDelay: '7.5s' });
const violation = (field: string) => typed('google.rpc.BadRequest', { fieldViolations: [{ field, description: 'x' }] });
const invalid = (details: unknown[], message?: string) => status(400, 'INVALID_ARGUMENT', details, message);
type Expected = Verdict['outcome'] | (Partial<Verdict> & { outcome: Verdict['outcome'] });
const reply = (name: string, given: HttpReply, verdict: Expected) => ({ name, reply: given, verdict });

transportContract<GoogleCloudOptions, HttpWire, HttpReply>({
  name: 'google-cloud',
  make: googleCloud,
  options: here,
  variants: {
    labels: {
      ...here,
      logName: 'folders/12/logs/a/b',
      labels: { env: 'prod "x"' },
      resource: { type: 'generic_node', labels: { node_id: 'n1' } },
      messageField: 'nested',
    },
  },
  secret: {
    options: { ...here, endpoint: 'http://u:hunter3@127.0.0.1:9/?x=hunter4' },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode: (wire) => requestOf(wire).entries.map(({ jsonPayload }) => jsonPayload),
  expected: (batch, i, { messageField }) => payload(batch, i, messageField),
  replies: [
    reply('200', httpReply(200, '{}\n'), 'ack'),
    reply('200, a web page', httpReply(200, '<!doctype html>'), 'hold'),
    reply('some entries', invalid([partial({ 1: { code: 3, message: 'too large' } })]), {
      outcome: 'partial',
      retry: [],
      reject: [1],
      reason: 'entry refused (code 3): too large',
    }),
    reply(
      'some entries, with the status of one',
      status(403, 'PERMISSION_DENIED', [partial({ 0: { code: 3 }, 2: { code: 7 } })]),
      {
        outcome: 'partial',
        retry: [2],
        reject: [0],
      },
    ),
    reply('some entries, for now', status(429, 'RESOURCE_EXHAUSTED', [partial({ 0: { code: 8 } })]), {
      outcome: 'partial',
      retry: [0],
      reject: [],
    }),
    reply(
      'all entries, for now',
      status(503, 'UNAVAILABLE', [partial({ 0: { code: 14 }, 1: { code: 13 }, 2: { code: 4 } })]),
      'retry',
    ),
    reply(
      'all entries, no right',
      status(403, 'PERMISSION_DENIED', [partial({ 0: { code: 7 }, 1: { code: 7 }, 2: { code: 7 } })]),
      'hold',
    ),
    reply('all entries', invalid([partial({ 0: { code: 3 }, 1: { code: 3 }, 2: { code: 11 } })]), {
      outcome: 'partial',
      reject: [0, 1, 2],
    }),
    reply('entries that are none of ours', invalid([partial({ 3: { code: 3 }, x: {}, 1.5: {}, '-1': {} })]), 'retry'),
    reply('400, an entry', invalid([violation('entries[0].json_payload')], 'Repeated map key: project id'), 'split'),
    reply(
      '400, the payload',
      invalid([], 'Invalid JSON payload received. Unexpected token.\n"project id" resource type'),
      { outcome: 'split', reason: '400 INVALID_ARGUMENT: Invalid JSON payload received. Unexpected token.' },
    ),
    reply('400, too far ahead', invalid([], 'Log entry timestamp is more than 24 hours in the future'), 'split'),
    reply('400, the resource', invalid([violation('resource')]), 'hold'),
    reply('400, the type of the resource', invalid([], 'Unknown monitored resource type'), 'hold'),
    reply('400, an API key', invalid([], 'API key not valid. Please pass a valid API key.'), 'hold'),
    reply('400, of a proxy', httpReply(400, 'bad'), 'split'),
    reply('400, a precondition', status(400, 'FAILED_PRECONDITION'), 'hold'),
    reply('401', status(401, 'UNAUTHENTICATED'), 'hold'),
    reply('403', status(403, 'PERMISSION_DENIED'), 'hold'),
    reply('404', status(404, 'NOT_FOUND'), 'hold'),
    reply('409', status(409, 'ABORTED'), 'retry'),
    reply('413', httpReply(413, '<html>'), 'split'),
    reply('429', status(429, 'RESOURCE_EXHAUSTED'), 'retry'),
    reply('429, with a wait', status(429, 'RESOURCE_EXHAUSTED', [wait]), { outcome: 'retry', afterMs: 7500 }),
    reply(
      '429, with an endless wait',
      status(429, 'RESOURCE_EXHAUSTED', [{ ...wait, retryDelay: '9e9s' }, 5, null]),
      'retry',
    ),
    reply('499', status(499, 'CANCELLED'), 'retry'),
    reply('500', status(500, 'INTERNAL'), 'retry'),
    reply('502, a web page', httpReply(502, '<html>'), 'retry'),
    reply('503', status(503, 'UNAVAILABLE', [wait]), { outcome: 'retry', afterMs: 7500 }),
    reply('504', status(504, 'DEADLINE_EXCEEDED'), 'retry'),
  ],
});

const trace = '0AF7651916cd43dd8448eb211c80319c';

describe('google-cloud', () => {
  beforeEach(() => {
    for (const name of ['GOOGLE_CLOUD_PROJECT', 'GCLOUD_PROJECT']) vi.stubEnv(name, undefined);
  });
  afterEach(() => vi.unstubAllEnvs());

  it('checks what it checks: the decoder refuses what is not as Google has it', () => {
    expect(strangers(requestType, { entries: [{ severity: 'WARN', textPayload: '', jsonPayload: {}, x: 1 }] })).toEqual(
      ['unknown WARN', 'LogEntry: unknown x', 'LogEntry: two of payload'],
    );
  });

  it('writes entries as they are documented', () => {
    const lines = [
      `{"level":30,"time":1700000000123,"trace_id":"${trace}","span_id":"b7ad6b7169203331","trace_flags":"01","msg":"a"}`,
      `{"level":60,"time":1700000000123,"trace_id":"${trace}","msg" : "b"}`,
      '{"time":1700000000123,"trace_id":"no id","msg":"c","message":"d"}',
      '{"level":45,"time":1700000000123,"err":{"msg":"inner"},"a":"msg\\"\\u003a"}',
    ];
    const options = {
      ...here,
      labels: { env: 'prod' },
      resource: { type: 'k8s_container', labels: { pod_name: 'p' } },
    };
    const { entries, ...request } = requestOf(
      googleCloud(options).encode(batchOf(lines, { firstSequence: 42 })) as HttpWire,
    );
    expect(request).toEqual({
      logName: 'projects/my-project/logs/shop',
      resource: { type: 'k8s_container', labels: { project_id: 'my-project', pod_name: 'p' } },
      labels: { env: 'prod' },
      partialSuccess: true,
    });
    const { jsonPayload, ...first } = entries[0]!;
    expect(first).toEqual({
      labels: {},
      insertId: 'w1-42',
      timestamp: '2023-11-14T22:13:20.123000042Z',
      severity: 'INFO',
      trace: `projects/my-project/traces/${trace.toLowerCase()}`,
      spanId: 'b7ad6b7169203331',
      traceSampled: true,
    });
    expect(jsonPayload).toMatchObject({ level: 30, message: 'a' });
    expect(entries[1]).toMatchObject({ severity: 'CRITICAL', trace: first.trace, jsonPayload: { message: 'b' } });
    expect(entries[1]).not.toHaveProperty('spanId');
    expect(entries[2]).toEqual({
      labels: {},
      insertId: 'w1-44',
      timestamp: '2023-11-14T22:13:20.123000044Z',
      jsonPayload: { time: 1700000000123, trace_id: 'no id', msg: 'c', message: 'd' },
    });
    expect(entries[3]).toMatchObject({ severity: 'WARNING', jsonPayload: { err: { msg: 'inner' }, a: 'msg":' } });
  });

  it('delivers every record once, as queries see it, through refusals and lost answers', async () => {
    const poison = invalid([partial({ 0: { code: 3, message: 'too large' } })]);
    await using server = await recordingServer([
      { status: 503 },
      { reset: 'afterBody' },
      {
        status: 429,
        body: status(429, 'RESOURCE_EXHAUSTED', [typed('google.rpc.RetryInfo', { retryDelay: '0.05s' })]).body,
      },
      { status: 400, body: poison.body },
      { status: 200, body: '{}' },
    ]);
    const logs = pipeline(googleCloud({ ...here, endpoint: server.url }), {
      batch: { lingerMs: 5, maxRecords: 100 },
      send: { maxInFlight: 1 },
      retry: { attempts: 5, minMs: 5, maxMs: 20 },
      breaker: { failures: 5, cooldownMs: 50 },
      warnings: 'off',
    });
    for (let n = 0; n < 1000; n++) logs.write(`{"level":30,"time":${Date.now()},"n":${n},"msg":"m"}\n`);
    logs.write(`{"msg":"${'x'.repeat(250_000)}"}\n`);
    expect((await logs.flush({ timeoutMs: 20_000 })).settled).toBe(true);
    const { stats } = await logs.close();
    expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
    expect(stats).toMatchObject({ acked: { records: 999 }, rejected: { records: 2 }, dropped: { records: 0 } });
    // Stored: what was lost on the way back, and what was answered from then on.
    const stored = new Map<string, unknown>();
    for (const { body } of [server.requests[1]!, ...server.requests.slice(3)]) {
      for (const { insertId, timestamp, jsonPayload } of requestOf({ body, headers: {} }).entries) {
        const entry = { timestamp, n: jsonPayload.n };
        expect(stored.get(insertId) ?? entry).toEqual(entry);
        stored.set(insertId, entry);
      }
    }
    expect([...stored.values()].map((entry) => (entry as { n: number }).n)).toEqual(
      Array.from({ length: 1000 }, (_, n) => n),
    );
  });

  it('finds its project and the name of its log', () => {
    const nameOf = (options: Partial<GoogleCloudOptions>) => {
      const wire = googleCloud({ logName: 'shop', ...options }).encode(batchOf(['{}'])) as HttpWire;
      const { logName, resource } = JSON.parse(wire.body.toString());
      return [logName, resource.labels.project_id];
    };
    expect(() => nameOf({})).toThrow('GOOGLE_CLOUD_PROJECT');
    const credentials = { type: 'service_account', project_id: 'of-key' };
    expect(nameOf({ credentials })).toEqual(['projects/of-key/logs/shop', 'of-key']);
    expect(nameOf({ credentials: JSON.stringify(credentials) as never })[1]).toBe('of-key');
    vi.stubEnv('GCLOUD_PROJECT', 'of-env');
    expect(nameOf({ logName: 'a/b' })).toEqual(['projects/of-env/logs/a%2Fb', 'of-env']);
    vi.stubEnv('GOOGLE_CLOUD_PROJECT', 'other');
    expect(nameOf({ logName: 'organizations/12/logs/a/b' })).toEqual(['organizations/12/logs/a%2Fb', 'other']);
    expect(nameOf({ projectId: 'example.com:p' })[1]).toBe('example.com:p');
  });

  it.each([
    [{ logName: 'a b' }, 'the id of a log'],
    [{ projectId: 'UPPER' }, 'the id of a project'],
    [{ resource: { type: 'a b' } }, 'the type of a monitored resource'],
    [{ credentials: 'not JSON' as never }, 'the contents of a credentials file'],
    [{ credentials: { type: 'service_account' }, credentialsFile: '/x' }, 'credentials` to be left out'],
  ])('refuses %j', (options, expected) => {
    expect(() => googleCloud({ ...here, ...options })).toThrow(expected);
  });
});
