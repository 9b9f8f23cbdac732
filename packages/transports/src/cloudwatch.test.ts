import { hostname } from 'node:os';
import { type Batch, type HttpReply, type HttpWire, type Sender, systemRuntime, type Verdict } from '@spillway/core';
import {
  batchOf,
  httpReply,
  type RecordingServer,
  recordingServer,
  sendSettings,
  transportContract,
} from '@spillway/testing';
import aws4 from 'aws4';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CloudwatchOptions, cloudwatch } from './cloudwatch.js';
import { LogPlace } from './cloudwatch-place.js';

const credentials = { accessKeyId: 'AKID', secretAccessKey: 'hunter2', sessionToken: 'hunter3' };
const here = {
  logGroup: '/shop/api',
  logStream: 'pod-1',
  region: 'eu-west-1',
  endpoint: 'http://127.0.0.1:9',
  credentials,
};
const entity = {
  keyAttributes: { Type: 'Service', Name: 'shop', Environment: 'prod' },
  attributes: { PlatformType: 'K8s' },
};

interface Request {
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly entity?: unknown;
  readonly logEvents: { timestamp: number; message: string }[];
}
const requestOf = ({ body }: HttpWire) => JSON.parse(body.toString()) as Request;

function refused(type: string, verdict: Verdict['outcome'], message = 'What went wrong', status = 400) {
  const body = JSON.stringify({ __type: type, message });
  return { name: `${status} ${type}: ${message}`, reply: httpReply(status, body), verdict };
}
function leftOut(info: object, verdict: Verdict['outcome'] | (Partial<Verdict> & { outcome: Verdict['outcome'] })) {
  const body = JSON.stringify({ nextSequenceToken: '1', rejectedLogEventsInfo: info });
  return { name: `200 ${JSON.stringify(info)}`, reply: httpReply(200, body), verdict };
}
/** Their order on the wire is 2, 0, 3, 1. */
const unordered = batchOf(['{"n":0}', '{"n":1}', '{"n":2}', '{"n":3}'], { times: [20, 30, 10, 20] });

transportContract<CloudwatchOptions, HttpWire, HttpReply>({
  name: 'cloudwatch',
  make: cloudwatch,
  options: here,
  variants: { entity: { ...here, entity, create: false } },
  secret: {
    options: { ...here, endpoint: 'http://127.0.0.1:9/?x=hunter4' },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode: (wire) => requestOf(wire).logEvents,
  expected: (batch, i) => byTime(batch)[i],
  replies: [
    { name: '200', reply: httpReply(200, '{"nextSequenceToken":"49"}'), verdict: 'ack' },
    leftOut({}, 'ack'),
    leftOut({ tooOldLogEventEndIndex: 0 }, 'ack'),
    leftOut({ tooOldLogEventEndIndex: 1 }, { outcome: 'partial', retry: [], reject: [0] }),
    leftOut({ expiredLogEventEndIndex: 2 }, { outcome: 'partial', retry: [], reject: [0, 1] }),
    leftOut({ tooNewLogEventStartIndex: 2 }, { outcome: 'partial', retry: [], reject: [2] }),
    leftOut({ tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 2 }, { outcome: 'partial', reject: [0, 2] }),
    leftOut({ tooOldLogEventEndIndex: 99, tooNewLogEventStartIndex: -5 }, { outcome: 'partial', reject: [0, 1, 2] }),
    leftOut({ tooOldLogEventEndIndex: 'x', tooNewLogEventStartIndex: 1.5 }, 'ack'),
    {
      ...leftOut({ tooOldLogEventEndIndex: 1, tooNewLogEventStartIndex: 3 }, { outcome: 'partial', reject: [1, 2] }),
      name: 'places in the order of times',
      batch: unordered,
    },
    {
      name: '200, the entity is refused',
      reply: httpReply(200, '{"rejectedEntityInfo":{"errorType":"InvalidEntity"}}'),
      verdict: 'ack',
    },
    { name: 'a web page', reply: httpReply(200, '<!doctype html>'), verdict: 'hold' },
    refused('ThrottlingException', 'retry', 'Rate exceeded'),
    refused('com.amazonaws.logs#ThrottlingException', 'retry'),
    refused('ServiceUnavailableException', 'retry', 'x', 503),
    refused('ServiceUnavailableException', 'retry'),
    refused('InternalFailure', 'retry', 'x', 500),
    refused('RequestTimeoutException', 'retry', 'x', 408),
    refused('InvalidSequenceTokenException', 'retry'),
    refused('DataAlreadyAcceptedException', 'ack'),
    refused('ResourceNotFoundException', 'retry', 'The specified log group does not exist.'),
    refused('LimitExceededException', 'hold'),
    refused('ServiceQuotaExceededException', 'hold'),
    refused(
      'InvalidParameterException',
      'split',
      'Log events in a single PutLogEvents request must be in chronological order.',
    ),
    refused('InvalidParameterException', 'split', 'Upload too large: 1048600 bytes exceeds limit of 1048576'),
    refused('InvalidParameterException', 'hold', 'The KMS key of the log group is disabled'),
    refused('SerializationException', 'split'),
    refused('UnrecognizedClientException', 'hold'),
    refused('ExpiredTokenException', 'hold'),
    refused('InvalidSignatureException', 'hold', 'Signature expired'),
    refused('AccessDeniedException', 'hold', 'not authorized to perform: logs:PutLogEvents'),
    refused('UnknownOperationException', 'hold'),
    refused('SomethingNewException', 'hold'),
    {
      name: '400 by header',
      reply: httpReply(400, '', { 'x-amzn-errortype': 'ThrottlingException:http://x/' }),
      verdict: 'retry',
    },
    { name: '413, from a proxy', reply: httpReply(413), verdict: 'split' },
    { name: '429, from a proxy', reply: httpReply(429), verdict: 'retry' },
    { name: '502, from a proxy', reply: httpReply(502, '<html>'), verdict: 'retry' },
  ],
});

function byTime(batch: Batch): Request['logEvents'] {
  const events = Array.from({ length: batch.count }, (_, i) => ({
    timestamp: batch.times[i]!,
    message: batch.line(i).toString(),
  }));
  return events.toSorted((a, b) => a.timestamp - b.timestamp);
}

describe('cloudwatch', () => {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
  });
  afterEach(() => vi.unstubAllEnvs());

  it('writes events by time, those of the same time as they came', () => {
    const request = requestOf(cloudwatch({ ...here, entity }).encode(unordered) as HttpWire);
    expect(request).toEqual({
      logGroupName: '/shop/api',
      logStreamName: 'pod-1',
      entity,
      logEvents: [
        { timestamp: 10, message: '{"n":2}' },
        { timestamp: 20, message: '{"n":0}' },
        { timestamp: 20, message: '{"n":3}' },
        { timestamp: 30, message: '{"n":1}' },
      ],
    });
  });

  it('counts as CloudWatch does: bytes of UTF-8 before they are escaped, and 26 an event', () => {
    const transport = cloudwatch(here);
    const lines = ['{"msg":"grüße \\"x\\" 🌍"}', '{}'];
    const counted = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 26, 0);
    expect(transport.sizeOf(transport.encode(batchOf(lines)))).toBe(counted);
    const longest = batchOf([`{"msg":"${'x'.repeat(transport.limits.maxRecordBytes - 10)}"}`]);
    expect(longest.line(0).length).toBe(transport.limits.maxRecordBytes);
    expect(transport.sizeOf(transport.encode(longest))).toBe(1_048_576);
    expect(transport.limits).toMatchObject({ maxBytes: 1_048_576, maxRecords: 10_000, maxSpanMs: 24 * 3_600_000 });
  });

  it('takes times that are no whole number, negative or beyond all calendars', () => {
    const batch = batchOf(['{}', '{}', '{}', '{}'], { times: [1e300, 1.9, -5, Number.NaN] });
    const { logEvents } = requestOf(cloudwatch(here).encode(batch) as HttpWire);
    expect(logEvents.map(({ timestamp }) => timestamp)).toEqual([0, 0, 1, 253_402_300_799_999]);
  });

  it('finds its address, its region and its stream', () => {
    const at = (options: Partial<CloudwatchOptions>) => cloudwatch({ logGroup: 'g', ...options });
    expect(at({ region: 'eu-west-1' }).destination).toBe('https://logs.eu-west-1.amazonaws.com');
    expect(at({ region: 'cn-north-1' }).destination).toBe('https://logs.cn-north-1.amazonaws.com.cn');
    expect(() => at({})).toThrow('AWS_REGION');
    vi.stubEnv('AWS_REGION', 'us-east-2');
    vi.stubEnv('AWS_ENDPOINT_URL_CLOUDWATCH_LOGS', 'https://vpce-1.example');
    expect(at({}).destination).toBe('https://vpce-1.example');
    expect(requestOf(at({}).encode(unordered) as HttpWire).logStreamName).toBe(hostname());
    vi.stubEnv('AWS_ENDPOINT_URL_CLOUDWATCH_LOGS', '');
    expect(at({}).destination).toBe('https://logs.us-east-2.amazonaws.com');
    vi.stubEnv('AWS_ENDPOINT_URL_CLOUDWATCH_LOGS', 'vpce-1.example');
    expect(() => at({})).toThrow('AWS_ENDPOINT_URL_CLOUDWATCH_LOGS to hold a URL');
  });

  it.each([
    [{ logGroup: 'a b' }, 'the name of a log group'],
    [{ logStream: 'a:b' }, 'without : and *'],
    [{ retentionDays: 4 }, 'a number of days'],
    [{ create: false, retentionDays: 30 }, 'create off'],
    [{ entity: { keyAttributes: { Name: 'x' } } }, '2 to 4'],
    [{ credentials: { accessKeyId: 'AKID' } }, 'together, or neither'],
  ])('refuses %j', (options, expected) => {
    expect(() => cloudwatch({ ...here, ...options })).toThrow(expected);
  });
});

const ok = { status: 200, body: '{}' };
const answer = (type: string, status = 400) => ({ status, body: JSON.stringify({ __type: type, message: 'so' }) });
const missing = answer('ResourceNotFoundException');

async function send(server: RecordingServer, options: Partial<CloudwatchOptions> = {}): Promise<Verdict> {
  const transport = cloudwatch({ ...here, endpoint: server.url, ...options });
  const sender = transport.open(systemRuntime, sendSettings);
  const wire = transport.encode(unordered);
  const reply = await sender.send(wire, AbortSignal.timeout(10_000));
  await sender.close();
  return transport.classify(reply, unordered);
}
const operations = ({ requests }: RecordingServer) =>
  requests.map(({ headers }) => headers['x-amz-target']?.replace('Logs_20140328.', ''));

describe('the sender of cloudwatch', () => {
  it('signs as aws4 does', async () => {
    await using server = await recordingServer([ok]);
    expect(await send(server)).toEqual({ outcome: 'ack' });
    const [{ headers, path, raw, method } = expect.fail()] = server.requests;
    expect([method, path]).toEqual(['POST', '/']);
    const theirs = aws4.sign(
      {
        method,
        host: headers.host!,
        path,
        body: raw,
        service: 'logs',
        region: 'eu-west-1',
        headers: {
          'Content-Type': 'application/x-amz-json-1.1',
          'X-Amz-Target': 'Logs_20140328.PutLogEvents',
          'X-Amz-Date': headers['x-amz-date']!,
        },
        extraHeadersToIgnore: { 'content-length': true },
      } as aws4.Request,
      credentials,
    );
    expect(headers.authorization).toBe(theirs.headers?.Authorization);
  });

  it('makes the stream that is missing, and sends again', async () => {
    await using server = await recordingServer([missing, ok, ok]);
    expect(await send(server)).toEqual({ outcome: 'ack' });
    expect(operations(server)).toEqual(['PutLogEvents', 'CreateLogStream', 'PutLogEvents']);
    expect(JSON.parse(server.requests[1]!.body.toString())).toEqual({
      logGroupName: '/shop/api',
      logStreamName: 'pod-1',
    });
    expect(server.requests[2]?.body.equals(server.requests[0]!.body)).toBe(true);
  });

  it('makes the group with its retention, once', async () => {
    await using server = await recordingServer([missing, missing, ok, ok, ok, ok]);
    expect(await send(server, { retentionDays: 30 })).toEqual({ outcome: 'ack' });
    expect(operations(server)).toEqual([
      'PutLogEvents',
      'CreateLogStream',
      'CreateLogGroup',
      'PutRetentionPolicy',
      'CreateLogStream',
      'PutLogEvents',
    ]);
    expect(JSON.parse(server.requests[3]!.body.toString())).toEqual({ logGroupName: '/shop/api', retentionInDays: 30 });
  });

  it('takes what others made meanwhile, and leaves their retention alone', async () => {
    const exists = answer('ResourceAlreadyExistsException');
    await using server = await recordingServer([missing, missing, answer('OperationAbortedException'), exists, ok]);
    expect(await send(server, { retentionDays: 30 })).toEqual({ outcome: 'ack' });
    expect(operations(server)).toEqual([
      'PutLogEvents',
      'CreateLogStream',
      'CreateLogGroup',
      'CreateLogStream',
      'PutLogEvents',
    ]);
  });

  it('makes a place once for all that wait for it', async () => {
    const calls: (string | undefined)[] = [];
    let open = () => {};
    const bothAreHere = new Promise<void>((resolve) => {
      open = resolve;
    });
    let made = false;
    const http: Sender<HttpWire, HttpReply> = {
      async send({ headers }) {
        const name = headers['x-amz-target'];
        calls.push(name);
        if (name !== undefined) made = true;
        else if (calls.length === 2) open();
        await bothAreHere;
        return made ? httpReply(200, '{}') : httpReply(400, missing.body);
      },
      close: async () => {},
    };
    const place = new LogPlace(http, { logGroup: 'g', logStream: 's', retentionDays: undefined });
    const wire = { body: Buffer.from('{}'), headers: {} };
    const sends = [1, 2].map(() => place.send(wire, AbortSignal.timeout(10_000)));
    expect((await Promise.all(sends)).map(({ status }) => status)).toEqual([200, 200]);
    expect(calls).toEqual([undefined, undefined, 'Logs_20140328.CreateLogStream', undefined, undefined]);
  });

  it.each([
    ['the stream', [missing, answer('AccessDeniedException')], 'hold', '400 AccessDeniedException: so'],
    ['the stream, for now', [missing, answer('ThrottlingException')], 'retry', '400 ThrottlingException: so'],
    ['the group', [missing, missing, answer('LimitExceededException')], 'hold', '400 LimitExceededException: so'],
    ['the retention', [missing, missing, ok, answer('AccessDeniedException')], 'hold', '400 AccessDeniedException: so'],
    ['to the end', [missing], 'retry', '400 ResourceNotFoundException: so'],
  ] as const)('says what it was refused: %s', async (_, script, outcome, reason) => {
    await using server = await recordingServer(script);
    expect(await send(server, { retentionDays: 30 })).toEqual({ outcome, reason });
  });

  it('makes nothing if told so', async () => {
    await using server = await recordingServer([missing]);
    expect(await send(server, { create: false })).toEqual({
      outcome: 'hold',
      reason: '400 ResourceNotFoundException: so',
    });
    expect(operations(server)).toEqual(['PutLogEvents']);
  });

  it('takes the time of a service that refuses a signature for its time', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const late = { ...answer('InvalidSignatureException'), headers: { date } };
    await using server = await recordingServer([late, ok]);
    expect(await send(server)).toEqual({ outcome: 'ack' });
    const [before, after] = server.requests.map(({ headers }) => headers['x-amz-date']!);
    expect(after! > before!).toBe(true);
    expect(server.requests[1]?.body.equals(server.requests[0]!.body)).toBe(true);
  });
});
