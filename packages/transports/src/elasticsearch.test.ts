import type { Batch, HttpReply, HttpWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type ElasticsearchOptions, elasticsearch } from './elasticsearch.js';

const url = 'http://127.0.0.1:9';

interface Action {
  readonly create: { readonly _id?: string; readonly _index?: string };
}
interface Indexed extends Record<string, unknown> {
  readonly action: Action;
  readonly document: Record<string, unknown>;
}

/** Reads a bulk body as the servers do: by lines, an action and a document in turn, the last line ended too. */
function decode({ body }: Pick<HttpWire, 'body'>): Indexed[] {
  const lines = body.toString().split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.length % 2).toBe(0);
  return Array.from({ length: lines.length / 2 }, (_, i) => ({
    action: JSON.parse(lines[2 * i]!) as Action,
    document: JSON.parse(lines[2 * i + 1]!) as Record<string, unknown>,
  }));
}

const bulkReply = (items: unknown[], head: object = { took: 3, errors: true }) =>
  httpReply(200, JSON.stringify({ ...head, items }));
const created = { create: { status: 201 } };
const failed = (status: number, type: string, reason = '') => ({ create: { status, error: { type, reason } } });

transportContract<ElasticsearchOptions, HttpWire, HttpReply>({
  name: 'elasticsearch',
  make: elasticsearch,
  options: { url },
  variants: {
    plain: { url, ids: false, timestamp: false },
    dated: { url, index: 'app-{yyyy.MM}-{dd}' },
    fixed: { url: `${url}/insert/elasticsearch/_bulk?_msg_field=msg`, ids: false },
  },
  secret: {
    options: { url: 'http://joe:hunter2@127.0.0.1:9/?k=hunter3', apiKey: 'hunter4', headers: { 'x-key': 'hunter5' } },
    secrets: ['hunter2', 'hunter3', 'hunter4', 'hunter5'],
  },
  decode,
  expected(batch: Batch, i, { ids = true, timestamp = true, index = 'logs-app-default', url: given }) {
    const iso = new Date(batch.times[i]!).toISOString();
    const dated = index.includes('{') || given?.endsWith('_msg_field=msg');
    return {
      action: {
        create: {
          ...(dated && { _index: index.replace('{yyyy.MM}-{dd}', iso.slice(0, 10).replace('-', '.')) }),
          ...(ids && { _id: batch.recordId(i) }),
        },
      },
      document: { ...batch.fields(i), ...(timestamp && { '@timestamp': iso }) },
    };
  },
  replies: [
    { name: 'all stored', reply: bulkReply([created, created, created], { took: 1, errors: false }), verdict: 'ack' },
    { name: 'all stored, errors first', reply: httpReply(200, '{"errors":false,"took":30}'), verdict: 'ack' },
    {
      name: 'all stored, as VictoriaLogs says it',
      reply: httpReply(200, '{"took":0,"errors":false,"items":[{"create":{"status":201}}]}'),
      verdict: 'ack',
    },
    {
      name: 'errors true, one document unfit',
      reply: bulkReply([
        created,
        failed(
          400,
          'document_parsing_exception',
          "[1:42] failed to parse field [n] of type [long] in document with id 'w1-2'. Preview of field's value: 'hunter2'",
        ),
        created,
      ]),
      verdict: {
        outcome: 'partial',
        retry: [],
        reject: [1],
        reason: '400 document_parsing_exception: failed to parse field [n] of type [long]',
      },
    },
    {
      name: 'a document with the id is there: 409',
      reply: bulkReply([created, failed(409, 'version_conflict_engine_exception', '[w1-2]: document exists'), created]),
      verdict: 'ack',
    },
    {
      name: 'one item over the queue',
      reply: bulkReply([created, created, failed(429, 'es_rejected_execution_exception')]),
      verdict: { outcome: 'partial', retry: [2], reject: [] },
    },
    {
      name: 'one item has no shard, one is unfit, one exists',
      reply: bulkReply([
        failed(503, 'unavailable_shards_exception'),
        failed(400, 'mapper_parsing_exception', 'failed to parse'),
        failed(409, 'version_conflict_engine_exception'),
      ]),
      verdict: { outcome: 'partial', retry: [0], reject: [1] },
    },
    {
      name: 'all items blocked by the flood stage',
      reply: bulkReply(
        Array(3).fill(failed(429, 'cluster_block_exception', 'disk usage exceeded flood-stage watermark')),
      ),
      verdict: { outcome: 'partial', retry: [0, 1, 2], reject: [] },
    },
    {
      name: 'all items unfit',
      reply: bulkReply(
        Array(3).fill(failed(400, 'strict_dynamic_mapping_exception', 'introduction of [x] is not allowed')),
      ),
      verdict: 'reject',
    },
    {
      name: 'field limit',
      batch: batchOf(['{"a":1}']),
      reply: bulkReply([failed(400, 'illegal_argument_exception', 'Limit of total fields [1000] has been exceeded')]),
      verdict: 'reject',
    },
    {
      name: 'no such index, which nobody may create',
      reply: bulkReply(
        Array(3).fill(
          failed(404, 'index_not_found_exception', 'no such index [x] and [action.auto_create_index] is [false]'),
        ),
      ),
      verdict: { outcome: 'hold' },
    },
    {
      name: 'no privilege',
      reply: bulkReply(
        Array(3).fill(failed(403, 'security_exception', 'action [indices:data/write/bulk[s]] is unauthorized')),
      ),
      verdict: 'hold',
    },
    {
      name: 'a read-only index among others',
      reply: bulkReply([
        created,
        failed(403, 'cluster_block_exception', 'index [x] blocked by: [FORBIDDEN/8/index write (api)]'),
        created,
      ]),
      verdict: { outcome: 'partial', retry: [1], reject: [] },
    },
    {
      name: 'no write index behind the alias',
      reply: bulkReply(
        Array(3).fill(failed(400, 'illegal_argument_exception', 'no write index is defined for alias [logs]')),
      ),
      verdict: 'hold',
    },
    {
      name: 'no such pipeline',
      reply: bulkReply(
        Array(3).fill(failed(400, 'illegal_argument_exception', 'pipeline with id [geo] does not exist')),
      ),
      verdict: 'hold',
    },
    {
      name: 'OpenSearch Serverless takes no ids',
      reply: bulkReply(
        Array(3).fill(
          failed(400, 'illegal_argument_exception', 'Document ID is not supported in create/index operation request'),
        ),
      ),
      verdict: {
        outcome: 'hold',
        reason:
          '400 illegal_argument_exception: Document ID is not supported in create/index operation request (set `ids: false`)',
      },
    },
    {
      name: 'diverted to the failure store',
      reply: bulkReply(Array(3).fill({ create: { status: 201, failure_store: 'used' } })),
      verdict: 'ack',
    },
    {
      name: 'an answer that was cut off',
      reply: httpReply(
        200,
        '{"took":1,"errors":true,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"st',
      ),
      verdict: { outcome: 'partial', retry: [2], reject: [] },
    },
    {
      name: 'an answer to another question',
      reply: httpReply(200, '{"name":"node-1","tagline":"x"}'),
      verdict: 'hold',
    },
    { name: 'an empty answer', reply: httpReply(200), verdict: 'hold' },
    { name: 'a web page', reply: httpReply(200, '<!DOCTYPE html><title>Kibana</title>'), verdict: 'hold' },
    {
      name: 'items that are none',
      reply: httpReply(200, '{"errors":true,"items":[null,7,{"create":"x"}]}'),
      verdict: 'partial',
    },
    {
      name: '400, malformed action line',
      reply: httpReply(
        400,
        '{"error":{"type":"illegal_argument_exception","reason":"Malformed action/metadata line [1]"}}',
      ),
      verdict: 'split',
    },
    { name: '401', reply: httpReply(401, '{"error":{"type":"security_exception"}}'), verdict: 'hold' },
    { name: '403, AWS', reply: httpReply(403, '{"Message":"User: anonymous is not authorized"}'), verdict: 'hold' },
    { name: '404', reply: httpReply(404, '{"error":{"type":"index_not_found_exception"}}'), verdict: 'hold' },
    {
      name: '406, the media type',
      reply: httpReply(406, '{"error":"Content-Type header is not supported"}'),
      verdict: 'hold',
    },
    { name: '413', reply: httpReply(413), verdict: 'split' },
    { name: '415, the media type', reply: httpReply(415), verdict: 'hold' },
    {
      name: '429 with a time to wait',
      reply: httpReply(429, '{"error":{"type":"circuit_breaking_exception"}}', { 'retry-after': '3' }),
      verdict: { outcome: 'retry', afterMs: 3000 },
    },
    { name: '502', reply: httpReply(502, '<html>Bad Gateway</html>'), verdict: 'retry' },
    { name: '503, no master', reply: httpReply(503, '{"error":{"type":"cluster_block_exception"}}'), verdict: 'retry' },
    { name: '504', reply: httpReply(504), verdict: 'retry' },
  ],
});

describe('elasticsearch', () => {
  it('writes what the reference says, byte for byte', () => {
    const batch = batchOf(['{"level":30,"msg":"hi"}', '{}'], {
      times: [1_700_000_000_123, 1_700_000_000_124],
      firstSequence: 7,
    });
    expect(elasticsearch({ url }).encode(batch).body.toString()).toBe(
      '{"create":{"_id":"w1-7"}}\n{"@timestamp":"2023-11-14T22:13:20.123Z","level":30,"msg":"hi"}\n' +
        '{"create":{"_id":"w1-8"}}\n{"@timestamp":"2023-11-14T22:13:20.124Z"}\n',
    );
    expect(elasticsearch({ url, ids: false, timestamp: false }).encode(batch).body.toString()).toBe(
      '{"create":{}}\n{"level":30,"msg":"hi"}\n{"create":{}}\n{}\n',
    );
  });

  it('adds no second timestamp, which the servers refuse', () => {
    const lines = [
      '{"log.level":"info","@timestamp":"2020-01-01T00:00:00.000Z","msg":"has one"}',
      '{"msg":"\\"@timestamp\\": in text"}',
      '{"at":{"@timestamp":"deeper"}}',
    ];
    const [first, second, third] = elasticsearch({ url })
      .encode(batchOf(lines))
      .body.toString()
      .split('\n')
      .filter((_, i) => i % 2);
    expect(first).toBe(lines[0]);
    expect(second).toBe(`{"@timestamp":"2023-11-14T22:13:20.000Z",${lines[1]!.slice(1)}`);
    expect(third).toBe(`{"@timestamp":"2023-11-14T22:13:20.000Z",${lines[2]!.slice(1)}`);
  });

  it('files each record by its own time where the index name holds the date', () => {
    const times = [Date.UTC(2026, 10, 30, 23, 59, 59, 999), Date.UTC(2026, 11, 1), Date.UTC(2026, 11, 1, 1)];
    const batch = batchOf(['{}', '{}', '{}'], { times });
    const indices = decode(elasticsearch({ url, index: 'app-{yyyy.MM.dd}' }).encode(batch)).map(
      ({ action }) => action.create._index,
    );
    expect(indices).toEqual(['app-2026.11.30', 'app-2026.12.01', 'app-2026.12.01']);
  });

  it('has room for index names in any script, up to the 255 bytes that they may have', () => {
    const index = `${'日志'.repeat(40)}-{yyyy.MM}`;
    const transport = elasticsearch({ url, index });
    const batch = batchOf(['{}', `{"msg":"${'a'.repeat(2000)}"}`], {
      writer: `${'W'.repeat(26)}n`,
      firstSequence: 2 ** 53 - 2,
    });
    expect(decode(transport.encode(batch)).map(({ action }) => action.create._index)).toEqual(
      Array(2).fill(`${'日志'.repeat(40)}-2023.11`),
    );
    const { length } = transport.encode(batch.range(0, 1)).body;
    expect(length - '{}\n'.length).toBeLessThanOrEqual(transport.limits.overheadBytes);
  });

  it.each([
    [{ url: 'http://es:9200' }, 'http://es:9200/logs-app-default/_bulk'],
    [{ url: 'http://es:9200/es/', index: 'logs-shop-prod' }, 'http://es:9200/es/logs-shop-prod/_bulk'],
    [{ url: 'http://es:9200', index: 'app-{yyyy}' }, 'http://es:9200/_bulk'],
    [{ url: 'http://vl:9428/insert/elasticsearch/_bulk?_msg_field=msg' }, 'http://vl:9428/insert/elasticsearch/_bulk'],
    [
      { cloudId: `shop:${Buffer.from('eu-west-1.aws.found.io$abc123$kib456').toString('base64')}` },
      'https://abc123.eu-west-1.aws.found.io/logs-app-default/_bulk',
    ],
    [
      { cloudId: `shop:${Buffer.from('found.io:9243$abc123$kib456').toString('base64')}` },
      'https://abc123.found.io:9243/logs-app-default/_bulk',
    ],
  ])('%j writes to %s', (options, destination) => {
    expect(elasticsearch(options).destination).toBe(destination);
  });

  it('signs for OpenSearch on AWS', async () => {
    await using server = await recordingServer([{ status: 200, body: '{"errors":false}' }]);
    const credentials = { accessKeyId: 'AKID', secretAccessKey: 'hunter2' };
    for (const service of ['es', 'aoss'] as const) {
      const transport = elasticsearch({ url: server.url, aws: { service, region: 'eu-west-1', credentials } });
      const sender = transport.open(systemRuntime, sendSettings);
      await sender.send(transport.encode(batchOf(['{"msg":"a"}'])), AbortSignal.timeout(10_000));
      await sender.close();
    }
    const [es, aoss] = server.requests.map(({ headers }) => headers);
    expect(es?.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/es\/aws4_request, /);
    expect(es).not.toHaveProperty('x-amz-content-sha256');
    expect(aoss?.authorization).toContain('/eu-west-1/aoss/aws4_request, ');
    expect(aoss?.['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('sends what the server asks for', async () => {
    await using server = await recordingServer([{ status: 200, body: '{"took":1,"errors":false,"items":[]}' }]);
    const batch = batchOf(Array.from({ length: 50 }, () => '{"level":30,"msg":"a"}'));
    const options = { url: `${server.url}/?timeout=1m`, pipeline: 'geo ip', apiKey: 'id:key' };
    for (const transport of [elasticsearch(options), elasticsearch({ ...options, apiKey: 'ZW5jb2RlZA==' })]) {
      const sender = transport.open(systemRuntime, sendSettings);
      const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(10_000));
      expect(transport.classify(reply, batch)).toEqual({ outcome: 'ack' });
      await sender.close();
    }
    const [first, second] = server.requests;
    const { pathname, searchParams } = new URL(first!.path, server.url);
    expect(pathname).toBe('/logs-app-default/_bulk');
    expect(Object.fromEntries(searchParams)).toEqual({
      timeout: '1m',
      pipeline: 'geo ip',
      filter_path: 'took,errors,items.*.status,items.*.error.type,items.*.error.reason',
    });
    expect(first?.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
      authorization: `ApiKey ${Buffer.from('id:key').toString('base64')}`,
    });
    expect(second?.headers.authorization).toBe('ApiKey ZW5jb2RlZA==');
    expect(decode(first!)).toHaveLength(50);
  });

  it.each([
    [{}, 'got neither'],
    [{ url, cloudId: 'a:YQ==' }, 'got both'],
    [{ cloudId: 'a:YQ==' }, 'a host and a cluster'],
    [{ url, index: 'Logs' }, 'lower case'],
    [{ url, index: 'a b' }, 'lower case'],
    [{ url, index: 'logs\n' }, 'lower case'],
    [{ url, index: 'a-{day}' }, 'lower case'],
    [{ url: 'ftp://x' }, 'http://'],
  ])('refuses %j', (options, message) => {
    expect(() => elasticsearch(options as ElasticsearchOptions)).toThrow(message);
  });
});
