// moto: CloudWatch Logs, S3, Kinesis and Firehose of AWS, in memory: a restart forgets everything. It checks the order of
// events, their age and unknown streams; not request sizes, the 24-hour span, empty messages, signatures or throttling.
// Read back by calls of AWS' own protocol, without an SDK.

import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers, fetchText } from './http.js';

export interface CloudwatchEvent {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly message: string;
  readonly ingestionTime: number;
}

export interface MotoReadBack {
  /** Calls an operation of CloudWatch Logs, such as `logs('CreateLogGroup', { logGroupName: 'shop' })`. */
  logs<T>(operation: string, body: object): Promise<T>;
  /** Every event of a stream, oldest first. */
  events(logGroupName: string, logStreamName: string): Promise<CloudwatchEvent[]>;
  /** Makes a bucket; names have three characters at least. */
  createBucket(bucket: string): Promise<void>;
  /** The keys of a bucket's objects, in order. */
  objectKeys(bucket: string): Promise<string[]>;
  /** The bytes of an object, as they were stored. */
  objectBytes(bucket: string, key: string): Promise<Buffer>;
}

interface EventPage {
  readonly events: CloudwatchEvent[];
  readonly nextForwardToken?: string;
}

export const moto = serverOf<'http', MotoReadBack>({
  name: 'moto',
  ports: ['http'],
  url: ({ ports }) => `http://127.0.0.1:${ports.http}`,
  command: ({ directory, ports }) => ({
    file: 'python3',
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${ports.http}`],
    env: { PYTHONPATH: join(directory, 'site'), PYTHONUNBUFFERED: '1' },
  }),
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.http}/moto-api/`),
  extend({ ports }) {
    const url = `http://127.0.0.1:${ports.http}`;
    const logs = async <T>(operation: string, body: object): Promise<T> => {
      const headers = {
        ...claim('logs'),
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `Logs_20140328.${operation}`,
      };
      const text = await fetchText(`${url}/`, { method: 'POST', headers, body: JSON.stringify(body) });
      return JSON.parse(text || '{}') as T;
    };
    return {
      logs,
      async events(logGroupName, logStreamName) {
        const found: CloudwatchEvent[] = [];
        let nextToken: string | undefined;
        for (;;) {
          const stream = { logGroupName, logStreamName, startFromHead: true, ...(nextToken ? { nextToken } : {}) };
          const page = await logs<EventPage>('GetLogEvents', stream);
          found.push(...page.events);
          // The last page repeats the token that it was asked with.
          if (page.nextForwardToken === nextToken || page.events.length === 0) return found;
          nextToken = page.nextForwardToken;
        }
      },
      async createBucket(bucket) {
        await fetchText(`${url}/${bucket}`, { method: 'PUT', headers: claim('s3') });
      },
      async objectKeys(bucket) {
        const xml = await fetchText(`${url}/${bucket}?list-type=2`, { headers: claim('s3') });
        if (xml.includes('<IsTruncated>true')) throw new Error(`Expected at most 1000 objects in ${bucket}`);
        return [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key!);
      },
      async objectBytes(bucket, key) {
        const path = key.split('/').map(encodeURIComponent).join('/');
        const reply = await fetch(`${url}/${bucket}/${path}`, { headers: claim('s3') });
        if (!reply.ok) throw new Error(`GET ${bucket}/${key}: ${reply.status}`);
        return Buffer.from(await reply.arrayBuffer());
      },
    };
  },
});

/** moto routes by the service that the signature claims, and checks nothing else of it. */
function claim(service: string): { authorization: string } {
  const scope = `test/20200101/us-east-1/${service}/aws4_request`;
  return { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none` };
}
