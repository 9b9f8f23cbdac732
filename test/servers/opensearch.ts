// OpenSearch, one node without the security plugin (no TLS, no login): data streams, `_bulk` with an outcome an item, `_id`.
// Takes about six seconds to start and half a gigabyte. Read back document by document, as many as there are.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers, fetchText } from './http.js';
import type { StartOptions } from './server.js';

export interface OpensearchOptions extends StartOptions {
  /** Settings of the node, such as `{ 'http.max_content_length': '4mb', 'thread_pool.write.queue_size': '1' }`. @default none */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface OpensearchDocument {
  readonly _index: string;
  readonly _id: string;
  readonly _source: Readonly<Record<string, unknown>>;
}

export interface OpensearchReadBack {
  /** Every document of an index, data stream or pattern, in no particular order; includes what was written just now. */
  documents(index: string): Promise<OpensearchDocument[]>;
  /** How many documents an index, data stream or pattern has; includes what was written just now. */
  count(index: string): Promise<number>;
  /** Calls the REST interface; the reply's JSON. Throws unless the status is 2xx. */
  request<T>(method: string, path: string, body?: unknown): Promise<T>;
}

interface Page {
  readonly _scroll_id: string;
  readonly hits: { readonly hits: OpensearchDocument[] };
}

const pageSize = 5000;

export const opensearch = serverOf<'http' | 'transport', OpensearchReadBack, OpensearchOptions>({
  name: 'opensearch',
  ports: ['http', 'transport'],
  url: ({ ports }) => `http://127.0.0.1:${ports.http}`,
  command({ directory, dir, ports, options }) {
    const heap = ['-Xms512m', '-Xmx512m'];
    const modules = ['--add-modules=jdk.incubator.vector', '--enable-native-access=ALL-UNNAMED'];
    const classes = `${join(directory, 'classes')}:${join(directory, 'lib/*')}`;
    const settings = Object.entries(options.settings ?? {}).map(([key, value]) => `${key}=${value}`);
    const node = ['OpenSearchNode', join(dir, 'node'), `${ports.http}`, `${ports.transport}`, ...settings];
    return { file: join(directory, 'jdk/bin/java'), args: [...heap, ...modules, '-cp', classes, ...node] };
  },
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.http}/_cluster/health?wait_for_status=yellow&timeout=2s`),
  extend({ ports }) {
    const request = requester(`http://127.0.0.1:${ports.http}`);
    return {
      request,
      async documents(index) {
        await request('POST', `/${index}/_refresh`);
        const found: OpensearchDocument[] = [];
        let page = await request<Page>('POST', `/${index}/_search?scroll=1m`, { size: pageSize, sort: ['_doc'] });
        while (page.hits.hits.length > 0) {
          found.push(...page.hits.hits);
          page = await request<Page>('POST', '/_search/scroll', { scroll: '1m', scroll_id: page._scroll_id });
        }
        await request('DELETE', '/_search/scroll', { scroll_id: page._scroll_id });
        return found;
      },
      async count(index) {
        await request('POST', `/${index}/_refresh`);
        return (await request<{ count: number }>('GET', `/${index}/_count`)).count;
      },
    };
  },
});

function requester(url: string): OpensearchReadBack['request'] {
  return async <T>(method: string, path: string, body?: unknown) => {
    const json =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return JSON.parse(await fetchText(`${url}${path}`, { method, ...json })) as T;
  };
}
