// Clients for tests of servers: one request with all there is to see of the answer, and many requests at once on few connections.
import http from 'node:http';
import net from 'node:net';

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** How one request is sent. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly agent?: http.Agent;
}

/** Sends one request. */
export function ask(url: string, { method = 'GET', headers = {}, body, agent }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { method, headers, ...(agent === undefined ? undefined : { agent }) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends a request and leaves: when its response has begun, or when `ready` says so. */
export async function leave(url: string, when: 'begun' | (() => Promise<void>)): Promise<void> {
  const request = http.get(url);
  request.on('error', () => {});
  if (when === 'begun') {
    const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
    await new Promise((resolve) => response.once('data', resolve));
    response.on('error', () => {});
  } else await when();
  request.destroy();
}

/** Sends requests over few connections without waiting for answers in between; resolves to all bodies by connection. */
export async function flood(url: string, connections: number, paths: readonly string[]): Promise<string[]> {
  const { hostname, port } = new URL(url);
  const each = Math.ceil(paths.length / connections);
  const streams = Array.from({ length: connections }, (_, at) => {
    const own = paths.slice(at * each, (at + 1) * each);
    return new Promise<string>((resolve, reject) => {
      const socket = net.connect(Number(port), hostname);
      let text = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (text.split('HTTP/1.1 ').length > own.length && text.split('"end":1').length > own.length) socket.end();
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
      socket.write(
        own
          .map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: r-${path.split('/').pop()}\r\n\r\n`)
          .join(''),
      );
    });
  });
  return Promise.all(streams);
}
