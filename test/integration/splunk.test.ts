// The splunk transport on the OpenTelemetry Collector's receiver, with and without acknowledgement.

import type { Verdict } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { type SplunkOptions, splunk } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OtlpRecord } from '../servers/index.js';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf } from './delivery.js';

describe('the OpenTelemetry Collector', () => {
  let server: Awaited<ReturnType<typeof servers.otelcol.start>>;
  let url: string;
  beforeAll(async () => {
    server = await servers.otelcol.start();
    url = `http://127.0.0.1:${server.ports.hec}`;
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());
  const of = (source: string) =>
    server.records('hec').filter(({ resource }) => attributeOf(resource, 'com.splunk.source') === source);

  it.each([false, true])('gets every record through outages (acknowledgement: %s)', async (ack) => {
    const source = `trouble-${ack}`;
    const delivered = await deliverThroughTrouble({
      transport: splunk({ url, token: 't', source, idField: 'id', ...(ack && { ack, ackPollMs: 100 }) }),
      server,
      recordsPerPart: 2000,
      // It writes its file every 100 ms, after it has answered.
      secondEnd: 'stop',
      readBack: async () => of(source).map((record) => Number(memberOf(record, 'n'))),
    });
    expectComplete(delivered);
    // There is no key: what was under way when it ended may be there twice, no more.
    expect(delivered.earlyDuplicates).toBe(0);
    expect(delivered.duplicates).toBeLessThanOrEqual((ack ? 8 : 2) * 500);
    // Repetitions carry the id of the first copy, by which a search leaves them out.
    const ids = new Set(of(source).map(({ attributes }) => attributeOf(attributes, 'id')));
    expect(ids.size).toBe(delivered.written);
  });

  it('keeps bytes, time and what the envelope says', async () => {
    const lines = ['{"msg":"grüße \\"🌍\\" \\\\","deep":{"a":[1,"}{"]}}', ...[1, 2].map((n) => numbered(n).trim())];
    const batch = batchOf(lines, { writer: 'w', times: [1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_003] });
    const options = {
      url,
      token: 't',
      source: 'exact',
      host: 'web-1',
      index: 'shop',
      fields: { env: 'test' },
      idField: 'id',
    };
    expect(await sendOnce(options, batch)).toEqual({ outcome: 'ack' });
    const records = await servers.until(() => of('exact').length === 3 && of('exact'), { what: 'three records' });
    // The Collector reads decimal seconds as a binary fraction: to the microsecond they are ours.
    const micros = records.map(({ timeUnixNano }) => Math.round(Number(timeUnixNano) / 1000));
    expect(micros).toEqual([...batch.times].map((ms) => ms * 1000));
    expect(memberOf(records[0]!, 'msg')).toBe('grüße "🌍" \\');
    expect(attributeOf(records[0]!.resource, 'com.splunk.index')).toBe('shop');
    expect(attributeOf(records[0]!.resource, 'host.name')).toBe('web-1');
    expect(attributeOf(records[1]!.attributes, 'env')).toBe('test');
    expect(attributeOf(records[1]!.attributes, 'id')).toBe('w-2');
  });

  it('takes raw lines', async () => {
    const lines = [1, 2, 3].map((n) => numbered(n).trim());
    const options: SplunkOptions = { url, token: 't', endpoint: 'raw', source: 'raw' };
    expect(await sendOnce(options, batchOf(lines))).toEqual({ outcome: 'ack' });
    const records = await servers.until(() => of('raw').length === 3 && of('raw'), { what: 'three lines' });
    expect(records.map(({ body }) => body?.stringValue)).toEqual(lines);
  });
});

type Attributes = OtlpRecord['attributes'];

function attributeOf(attributes: Attributes, key: string): unknown {
  return attributes?.find((attribute) => attribute.key === key)?.value.stringValue;
}

/** A member of the event, which came as a JSON object. */
function memberOf({ body }: OtlpRecord, key: string): unknown {
  const members = body?.kvlistValue as { values: NonNullable<Attributes> } | undefined;
  const value = members?.values.find((member) => member.key === key)?.value;
  return value?.stringValue ?? value?.intValue ?? value?.doubleValue;
}

async function sendOnce(options: SplunkOptions, batch: ReturnType<typeof batchOf>): Promise<Verdict> {
  return verdictOf(splunk(options), batch);
}
