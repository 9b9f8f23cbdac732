// For the tests: a viewer on a free port, raw HTTP requests to it (fetch would not let us set Host or Origin),
// and waiting for a condition with a deadline.
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ViewerOptions } from '../options.js';
import { type Viewer, viewer } from '../viewer.js';

/** Starts a viewer that ends with the test. */
export async function startViewer(options: ViewerOptions = {}): Promise<Viewer> {
  const running = await viewer({ port: 0, ...(options.directory === undefined && { memory: true }), ...options });
  onTestFinished(() => running.close());
  return running;
}

/** A directory that ends with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-viewer-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
}

/** Sends one request exactly as given. */
export function call(url: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        });
      });
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Posts to `/ingest` as NDJSON. */
export function ingest(url: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Reply> {
  return call(`${url}/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', ...headers },
    body,
  });
}

/** A record of the query API. */
export interface ApiRecord {
  readonly id: number;
  readonly time: number;
  readonly level: number;
  readonly labels: Record<string, string> | null;
  readonly metadata: Record<string, string> | null;
  readonly record: unknown;
}

/** Reads records, newest first unless `parameters` say otherwise. */
export async function records(url: string, parameters: Record<string, string> = {}): Promise<ApiRecord[]> {
  const { status, text } = await call(`${url}/api/records?${new URLSearchParams(parameters)}`);
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return (JSON.parse(text) as { records: ApiRecord[] }).records;
}

/** Waits until the condition gives a value. */
export async function until<T>(condition: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error('waited a minute in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
