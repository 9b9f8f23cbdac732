// The elasticsearch transport on a real OpenSearch, and on VictoriaLogs, which speaks the same protocol in its own way.

import { batchOf } from '@spillway/testing';
import { type ElasticsearchOptions, elasticsearch } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf } from './delivery.js';

describe('OpenSearch', () => {
  let server: Awaited<ReturnType<typeof servers.opensearch.start>>;
  const template = (name: string, patterns: string, body: object) =>
    server.request('PUT', `/_index_template/${name}`, { index_patterns: [patterns], priority: 200, ...body });
  beforeAll(async () => {
    server = await servers.opensearch.start({ settings: { 'http.max_content_length': '4mb' } });
    const mappings = { properties: { n: { type: 'long' }, '@timestamp': { type: 'date' } } };
    const settings = { number_of_replicas: 0 };
    await template('streams', 'logs-*-*', { data_stream: {}, template: { settings, mappings } });
    await template('indices', 'app-*', { template: { settings, mappings } });
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('gets every record once through outages, in a data stream', async () => {
    const index = 'logs-trouble-test';
    const delivered = await deliverThroughTrouble({
      transport: elasticsearch({ url: server.url, index }),
      server,
      recordsPerPart: 2000,
      readBack: async () => (await server.documents(index)).map(({ _source }) => Number(_source.n)),
    });
    expectComplete(delivered);
    expect(delivered.duplicates).toBe(0);
    const [document] = await server.documents(index);
    expect(document?._source['@timestamp']).toBe(new Date(Number(document?._source.time)).toISOString());
  });

  it('stores a batch that is sent again once, also days later in an index of its day', async () => {
    const batch = batchOf(
      Array.from({ length: 40 }, (_, n) => numbered(n).trim()),
      {
        times: Array.from({ length: 40 }, (_, n) => Date.UTC(2026, 1, 1 + (n % 2))),
      },
    );
    const dated = { url: server.url, index: 'app-{yyyy.MM.dd}' };
    const stream = { url: server.url, index: 'logs-again-test' };
    for (const options of [dated, stream, dated, stream])
      expect(await sendOnce(options, batch)).toEqual({ outcome: 'ack' });
    expect(await server.count('app-2026.02.01')).toBe(20);
    expect(await server.count('app-2026.02.02')).toBe(20);
    const stored = await server.documents('logs-again-test');
    expect(stored.map(({ _id }) => _id).sort()).toEqual(Array.from({ length: 40 }, (_, i) => batch.recordId(i)).sort());
  });

  it('stores a repetition again without ids', async () => {
    const options = { url: server.url, index: 'app-twice', ids: false };
    for (let i = 0; i < 2; i++) expect(await sendOnce(options, batchOf(['{"msg":"a"}']))).toEqual({ outcome: 'ack' });
    expect(await server.count('app-twice')).toBe(2);
  });

  it('refuses single documents, and we know which', async () => {
    const lines = ['{"n":1}', '{"n":"abc"}', '{"n":3}', '{"n":{"deep":1}}', '{}'];
    for (const index of ['logs-unfit-test', 'app-unfit']) {
      expect(await sendOnce({ url: server.url, index }, batchOf(lines))).toMatchObject({
        outcome: 'partial',
        retry: [],
        reject: [1, 3],
        reason: '400 mapper_parsing_exception: failed to parse field [n] of type [long]',
      });
      expect(await server.count(index)).toBe(3);
    }
  });

  it('refuses single lines that are no JSON, and we know which', async () => {
    const lines = ['{"n":1}', '{"n":NaN}', '{"n":3}', '{"n":4,}', '{n:5}', '{"n":6,"msg":"cut o', '{"n":7}'];
    expect(await sendOnce({ url: server.url, index: 'app-no-json' }, batchOf(lines))).toMatchObject({
      outcome: 'partial',
      retry: [],
      reject: [1, 3, 4, 5],
    });
    const stored = await server.documents('app-no-json');
    expect(stored.map(({ _source }) => _source.n)).toEqual([1, 3, 7]);
  });

  it('takes the timestamp of lines that have one, and all that a line may hold', async () => {
    const message = 'quote " backslash \\ line\u2028 🌍 grüße \u0001';
    const lines = [
      JSON.stringify({ '@timestamp': '2020-02-02T00:00:00.000Z', message }),
      JSON.stringify({ nested: { '@timestamp': 'not a date' }, message }),
    ];
    expect(await sendOnce({ url: server.url, index: 'app-exact' }, batchOf(lines, { times: [0, 1] }))).toEqual({
      outcome: 'ack',
    });
    const documents = await server.documents('app-exact');
    expect(documents.map(({ _source }) => _source.message)).toEqual([message, message]);
    expect(documents.map(({ _source }) => _source['@timestamp']).sort()).toEqual([
      '1970-01-01T00:00:00.001Z',
      '2020-02-02T00:00:00.000Z',
    ]);
  });

  it('says when a request is too large, and that is a split', async () => {
    const large = batchOf(Array.from({ length: 6 }, () => JSON.stringify({ msg: 'x'.repeat(1_000_000) })));
    const options = { url: server.url, index: 'app-large' };
    expect(await sendOnce(options, large, 'none')).toMatchObject({ outcome: 'split' });
    expect(await sendOnce(options, large, 'gzip')).toMatchObject({ outcome: 'split' });
    expect(await sendOnce(options, large.range(0, 3))).toEqual({ outcome: 'ack' });
  });

  it('names what is wrong with the target, and the data is kept', async () => {
    const batch = batchOf(['{"msg":"a"}', '{"msg":"b"}']);
    const at = (index: string, more: Partial<ElasticsearchOptions> = {}) =>
      sendOnce({ url: server.url, index, ...more }, batch);
    expect(await at('app-piped', { pipeline: 'missing' })).toMatchObject({
      outcome: 'hold',
      reason: '400 illegal_argument_exception: pipeline with id [missing] does not exist',
    });
    await server.request('PUT', '/app-blocked', { settings: { 'index.blocks.write': true } });
    expect(await at('app-blocked')).toMatchObject({
      outcome: 'hold',
      reason: expect.stringContaining('cluster_block'),
    });
    await server.request('PUT', '/app-one', { aliases: { 'app-alias': {} } });
    await server.request('PUT', '/app-two', { aliases: { 'app-alias': {} } });
    expect(await at('app-alias')).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('no write index') });
    const settings = { 'action.auto_create_index': 'false' };
    await server.request('PUT', '/_cluster/settings', { transient: settings });
    expect(await at('app-none')).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('no such index') });
    await server.request('PUT', '/_cluster/settings', { transient: { 'action.auto_create_index': null } });
    expect(await at('app-none')).toEqual({ outcome: 'ack' });
  });

  it('runs the ingest pipeline that is named', async () => {
    await server.request('PUT', '/_ingest/pipeline/mark', { processors: [{ set: { field: 'seen', value: 'yes' } }] });
    expect(
      await sendOnce({ url: server.url, index: 'app-marked', pipeline: 'mark' }, batchOf(['{"msg":"a"}'])),
    ).toEqual({ outcome: 'ack' });
    expect((await server.documents('app-marked'))[0]?._source.seen).toBe('yes');
  });
});

describe('VictoriaLogs', () => {
  let server: Awaited<ReturnType<typeof servers.victorialogs.start>>;
  beforeAll(async () => {
    server = await servers.victorialogs.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('gets every record of a bulk request', async () => {
    const query = '_time_field=@timestamp&_msg_field=msg&_stream_fields=hostname&extra_fields=app=bulk';
    const lines = Array.from({ length: 300 }, (_, n) => numbered(n).trim());
    const batch = batchOf(lines, { times: lines.map((_, n) => Date.now() + n) });
    expect(await sendOnce({ url: `${server.url}/insert/elasticsearch/_bulk?${query}` }, batch)).toEqual({
      outcome: 'ack',
    });
    await servers.until(async () => (await server.count('app:=bulk')) === 300, { what: 'the rows' });
    const [row] = await server.query('app:=bulk n:=7');
    expect(row).toMatchObject({ _msg: 'record 7 says "hello" \\ grüße 🌍', level: '30', _stream: '{hostname="h"}' });
    expect(Date.parse(row!._time!)).toBe(batch.times[7]);
  });
});

async function sendOnce(
  options: ElasticsearchOptions,
  batch: ReturnType<typeof batchOf>,
  compression: 'auto' | 'gzip' | 'none' = 'auto',
) {
  return verdictOf(elasticsearch(options), batch, { compression, timeoutMs: 30_000 });
}
