// The built package, loaded as ESM, as CommonJS, and as both in one process: the copies must share contexts and warnings.
// Needs the package to be built.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

// Inside of a package, its own name leads through its own `exports`.
const cwd = fileURLToPath(new URL('../../packages/middleware', import.meta.url));
const { exports } = JSON.parse(await readFile(`${cwd}/package.json`, 'utf8')) as { exports: Record<string, unknown> };
const names = Object.keys(exports).map((path) => path.replace('.', '@spillway/middleware'));

async function run(code: string): Promise<{ result: unknown; stderr: string }> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd });
  return { result: JSON.parse(stdout), stderr };
}

describe('the built package', () => {
  it('exports the same as ESM and as CommonJS, at every path', async () => {
    expect(names.length).toBeGreaterThan(10);
    const { result, stderr } = await run(`
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const found = {};
      for (const name of ${JSON.stringify(names)}) {
        const [esm, cjs] = [Object.keys(await import(name)), Object.keys(require(name))];
        found[name] = [esm.sort().join(), cjs.filter((key) => key !== '__esModule').sort().join()];
      }
      console.log(JSON.stringify(found));
    `);
    expect(stderr).toBe('');
    for (const [name, [esm, cjs]] of Object.entries(result as Record<string, [string, string]>)) {
      expect(esm, name).not.toBe('');
      expect(cjs, name).toBe(esm);
    }
  });

  it.each(['esm', 'cjs', 'both'])('carries the context of a request: %s', async (kind) => {
    const { result, stderr } = await run(`
      import http from 'node:http';
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const kinds = { esm: (name) => import(name), cjs: async (name) => require(name) };
      const [first, second] = { esm: ['esm', 'esm'], cjs: ['cjs', 'cjs'], both: ['cjs', 'esm'] }[${JSON.stringify(kind)}];
      const { requestLog } = await kinds[first]('@spillway/middleware/express');
      const { requestLog: again } = await kinds[second]('@spillway/middleware/express');
      const { addContext, withContext, fingersCrossed } = await kinds[second]('@spillway/middleware');
      const express = require('express');
      const lines = [];
      const destination = fingersCrossed({ write: (line) => lines.push(JSON.parse(line)) });
      const logger = require('pino')(withContext({ level: 'debug' }), destination);
      const app = express();
      app.use(requestLog({ logger }));
      // Registered once more, perhaps through the other copy.
      app.use(again({ logger }));
      app.get('/:id', async (req, res) => {
        addContext({ user: req.params.id });
        await new Promise((done) => setImmediate(done));
        logger.debug('held');
        req.log.info('in the handler');
        res.status(500).send('sorry');
      });
      const server = app.listen(0, async () => {
        const url = 'http://127.0.0.1:' + server.address().port;
        for (const id of ['a', 'b']) await (await fetch(url + '/' + id, { headers: { 'x-request-id': id } })).text();
        server.close();
        console.log(JSON.stringify(lines.map(({ msg, request_id, user }) => [msg, request_id, user])));
      });
    `);
    const of = (id: string) => [
      ['in the handler', id, id],
      ['held', id, id],
      ['request errored', id, id],
    ];
    expect(result).toEqual([...of('a'), ...of('b')]);
    expect(stderr.match(/SPILLWAY_REGISTERED_TWICE/g)).toEqual(['SPILLWAY_REGISTERED_TWICE']);
  });

  it.each(
    ['express', 'fastify', 'koa', 'hono', 'nest', 'node', 'next'].flatMap((name) => [
      [name, 'esm'],
      [name, 'cjs'],
    ]),
  )('logs requests through /%s, loaded as %s', async (name, kind) => {
    const { result, stderr } = await run(`
      import http from 'node:http';
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const load = { esm: (name) => import(name), cjs: async (name) => require(name) }[${JSON.stringify(kind)}];
      const adapter = await load('@spillway/middleware/${name}');
      const { addContext, withContext } = await load('@spillway/middleware');
      const lines = [];
      const logger = require('pino')(withContext({}), { write: (line) => lines.push(JSON.parse(line)) });
      async function work(id) {
        addContext({ user: id });
        await new Promise((done) => setImmediate(done));
        logger.info('in the handler');
        return 'ok';
      }
      const listener = async (req, res) => res.end(await work(req.url.slice(1)));
      const servers = {
        async express() {
          const app = (await import('express')).default();
          app.use(adapter.requestLog({ logger }));
          app.get('/:id', async (req, res) => res.send(await work(req.params.id)));
          return http.createServer(app);
        },
        async fastify() {
          const { default: fastify, LogController } = await import('fastify');
          const logController = new LogController({ disableRequestLogging: true });
          const app = fastify({ loggerInstance: logger, logController, childLoggerFactory: adapter.childLoggerFactory });
          await app.register(adapter.requestLog, { logger });
          app.get('/:id', (request) => work(request.params.id));
          await app.ready();
          return app.server;
        },
        async koa() {
          const app = new (await import('koa')).default();
          app.use(adapter.requestLog({ logger }));
          app.use(async (ctx) => { ctx.body = await work(ctx.path.slice(1)); });
          return http.createServer(app.callback());
        },
        async hono() {
          const app = new (await import('hono')).Hono();
          app.use(adapter.requestLog({ logger }));
          app.get('/:id', async (c) => c.text(await work(c.req.param('id'))));
          return (await import('@hono/node-server')).createAdaptorServer({ fetch: app.fetch });
        },
        async nest() {
          await import('reflect-metadata');
          const { Controller, Get, Module, Param } = await import('@nestjs/common');
          class Users { find(id) { return work(id); } }
          Param('id')(Users.prototype, 'find', 0);
          Get(':id')(Users.prototype, 'find', Object.getOwnPropertyDescriptor(Users.prototype, 'find'));
          Controller()(Users);
          class App {}
          Module({ imports: [adapter.RequestLogModule.forRoot({ logger })], controllers: [Users] })(App);
          const app = await (await import('@nestjs/core')).NestFactory.create(App, { logger: false });
          await app.init();
          return app.getHttpServer();
        },
        node: async () => http.createServer(adapter.withRequestLog(listener, { logger })),
        async next() {
          adapter.logRequests({ logger });
          return http.createServer(listener);
        },
      };
      const server = await servers.${name}();
      server.listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port;
        for (const id of ['a', 'b']) await (await fetch(url + '/' + id, { headers: { 'x-request-id': id } })).text();
        server.close(() => console.log(JSON.stringify(lines.map(({ msg, request_id, user }) => [msg, request_id, user]))));
        server.closeIdleConnections();
      });
    `);
    const of = (id: string) => [
      ['in the handler', id, id],
      ['request completed', id, id],
    ];
    expect(result).toEqual([...of('a'), ...of('b')]);
    expect(stderr).toBe('');
  });
});
