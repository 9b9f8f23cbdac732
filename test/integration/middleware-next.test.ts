// Next.js 16, the example as it is, and Next.js 15, a copy of it: built and started by its own command, asked over HTTP.
// Next 16 leaves the stream out of its bundles, as the example's configuration says. Next 15 cannot leave out what pnpm links from
// the workspace, so there webpack bundles the stream and all it needs. Needs the packages to be built. One build a major: they are slow.

import { cp, rm } from 'node:fs/promises';
import http from 'node:http';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ask, type Service, start, until } from './middleware/service.js';

const example = fileURLToPath(new URL('../../examples/next', import.meta.url));
const copy = fileURLToPath(new URL('../peers/next-15/app', import.meta.url));

describe.each([
  ['16', example, 'next'],
  ['15', copy, '../node_modules/.bin/next'],
])('Next.js %s', (_major, cwd, next) => {
  let service: Service;
  beforeAll(async () => {
    if (cwd === copy) {
      await rm(copy, { recursive: true, force: true });
      await cp(example, copy, {
        recursive: true,
        filter: (path) => !['node_modules', '.next', 'package.json'].includes(basename(path)),
      });
    }
    // On a busy machine a connection may be idle for longer than Next keeps it, just when it is used again.
    service = await start(`${next} build && ${next} start --keepAliveTimeout 120000`, cwd);
    // Next listens before it has run instrumentation.js: what comes before that, nobody can see.
    await vi.waitFor(async () => expect((await ask(`${service.url}/healthz`)).id).toBeTypeOf('string'), 60_000);
  });
  afterAll(() => service?.stop());

  /** The lines and the one record of a request. */
  const of = async (id: unknown) => {
    const mine = () => service.lines().filter(({ request_id }) => request_id === id);
    await until(
      () => mine().some(({ kind }) => kind === 'access'),
      () => `the record of ${String(id)}`,
    );
    return {
      lines: mine().filter(({ kind }) => kind !== 'access'),
      records: mine().filter(({ kind }) => kind === 'access'),
    };
  };

  it('logs handlers of routes, with their templates, their context and their errors', async () => {
    const good = await ask(`${service.url}/api/users/42?token=hunter2`);
    // Next itself drops the headers of answers to what a handler throws.
    const broken = {
      ...(await ask(`${service.url}/api/users/broken`, { headers: { 'x-request-id': 'broken-1' } })),
      id: 'broken-1',
    };
    expect([good.status, broken.status]).toEqual([200, 500]);
    expect(await of(good.id)).toMatchObject({
      lines: [{ msg: 'in the handler', user: '42' }],
      records: [
        {
          level: 30,
          route: '/api/users/[id]',
          url: '/api/users/42?token=[Redacted]',
          status: 200,
          user: '42',
          db_queries: 1,
        },
      ],
    });
    expect((await of(broken.id)).records).toMatchObject([
      {
        level: 50,
        route: '/api/users/[id]',
        err: { type: 'TypeError', message: 'no such user, token=[Redacted]' },
        route_type: 'route',
      },
    ]);
  });

  it('logs pages and what server components log and throw', async () => {
    const good = await ask(`${service.url}/users/7`);
    const broken = await ask(`${service.url}/users/broken`, { headers: { 'x-request-id': 'broken-2' } });
    const missing = await ask(`${service.url}/nowhere`);
    expect(good.body).toContain('<h1>user');
    expect(await of(good.id)).toMatchObject({
      lines: [{ msg: 'rendering', user: '7' }],
      records: [{ route: '/users/[id]', status: 200 }],
    });
    expect((await of(broken.id)).records).toMatchObject([
      { level: 50, status: 500, route_type: 'render', err: { type: 'TypeError' } },
    ]);
    expect((await of(missing.id)).records).toMatchObject([{ level: 40, status: 404 }]);
  });

  it('waits for streams, and sees who leaves them', async () => {
    const streamed = await ask(`${service.url}/api/stream?parts=4`);
    expect(streamed.body.length).toBe(4000);
    const { lines, records } = await of(streamed.id);
    expect(lines.map(({ part }) => part)).toEqual([0, 1, 2, 3]);
    expect(records).toMatchObject([{ route: '/api/stream', status: 200, msg: 'request completed' }]);
    await new Promise<void>((resolve) => {
      const request = http.get(
        `${service.url}/api/stream?parts=100000`,
        { headers: { 'x-request-id': 'leaves' } },
        (response) => {
          response.on('error', () => {});
          response.once('data', () => {
            request.destroy();
            resolve();
          });
        },
      );
      request.on('error', () => {});
    });
    expect((await of('leaves')).records).toMatchObject([{ aborted: true, msg: 'request aborted' }]);
  });

  it('carries the context through a body', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(50_000), password: 'hunter2' });
    const response = await fetch(`${service.url}/api/users/1`, {
      method: 'POST',
      body,
      headers: { 'x-request-id': 'body' },
    });
    expect(response.status).toBe(200);
    await response.text();
    expect(await of('body')).toMatchObject({
      lines: [{ msg: 'got a body', body: { password: '[Redacted]' } }],
      records: [{ method: 'POST', request_bytes: body.length }],
    });
  });

  it('keeps 10,000 requests on 500 connections apart', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 500 });
    const all = Array.from({ length: 10_000 }, (_, n) =>
      ask(`${service.url}/api/users/${n}`, { agent, headers: { 'x-request-id': `r-${n}` } }),
    );
    const answers = await Promise.all(all);
    agent.destroy();
    expect(answers.filter(({ status, id }, n) => status !== 200 || id !== `r-${n}`).slice(0, 3)).toEqual([]);
    const flooded = () => service.lines().filter(({ request_id }) => String(request_id).startsWith('r-'));
    // Next has instances of the logger for the server and for routes, each with a stream of its own: neither waits for the other.
    await until(
      () => flooded().length >= 20_000,
      () => `20,000 lines, got ${flooded().length}`,
    );
    expect(flooded().filter(({ kind }) => kind === 'access').length).toBe(10_000);
    expect(flooded().length).toBe(20_000);
    expect(
      flooded()
        .filter(({ request_id, user }) => request_id !== `r-${String(user)}`)
        .slice(0, 3),
    ).toEqual([]);
    expect(JSON.stringify(service.lines())).not.toContain('hunter2');
  });
});
