// Every example of a framework: started by its own command, asked over HTTP, ended by a signal. What it printed must have
// reached the collector, too. Needs the packages to be built, as the examples do.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { recordingServer } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { ask, type Line, start } from './middleware/service.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

describe.each([
  ['express', '/users/:id'],
  ['fastify', '/users/:id'],
  ['koa', '/users/:id'],
  ['hono', '/users/:id'],
  ['nest', '/users/:id'],
  ['node-http', undefined],
])('the example of %s', (name, route) => {
  it('logs each request once, with the context on every line, to stdout and to the collector', async () => {
    const collector = await recordingServer();
    const cwd = examples + name;
    const { scripts } = JSON.parse(await readFile(`${cwd}/package.json`, 'utf8')) as { scripts: { start: string } };
    const service = await start(scripts.start, cwd, { SPILLWAY_URL: `${collector.url}/logs` });
    const user = await ask(`${service.url}/users/42?token=hunter2`, { headers: { 'x-request-id': 'ex-1' } });
    const broken = await ask(`${service.url}/broken`);
    const streamed = await ask(`${service.url}/stream`);
    const health = await ask(`${service.url}/healthz`);
    const records = await service.records(3);
    await service.stop();

    expect([user.status, broken.status, streamed.status, health.status]).toEqual([200, 500, 200, 200]);
    expect([user.id, streamed.body.length]).toEqual(['ex-1', 3000]);
    expect(records).toMatchObject([
      { level: 30, request_id: 'ex-1', url: '/users/42?token=[Redacted]', status: 200, user: '42', db_queries: 1 },
      {
        level: 50,
        status: 500,
        err: { type: 'TypeError', message: 'out of order, token=[Redacted]' },
        request_id: broken.id,
      },
      { level: 30, status: 200, request_id: streamed.id },
    ]);
    expect(records.length).toBe(3);
    expect(records[0]!.route).toBe(route);
    const of = (lines: readonly Line[], id: unknown) =>
      lines.filter(({ request_id }) => request_id === id).map(({ msg }) => msg);
    expect(of(service.lines(), 'ex-1')).toEqual(['user found', 'request completed']);
    expect(of(service.lines(), streamed.id)).toEqual(['streaming', 'streaming', 'streaming', 'request completed']);

    const shipped = collector.requests.map(({ body }) => body.toString()).join('');
    const delivered = shipped
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line);
    await collector.close();
    expect(delivered.length).toBe(service.lines().length);
    expect(of(delivered, 'ex-1')).toEqual(['user found', 'request completed']);
    expect(shipped + JSON.stringify(service.lines())).not.toContain('hunter2');
  });
});
