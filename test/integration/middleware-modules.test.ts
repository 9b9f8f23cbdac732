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
});
