// Measures what it costs each transport to write a batch, before compression:
//   pnpm bench:transports [--only name]… [--round-ms n] [--json] [--write]
// Each row is a process of its own, about two seconds; rows are the ways of `encoding/modes.mjs`. Best of seven rounds.
// --json prints JSON instead of a table, --write renews the table in docs/transports.md. Fails if a transport of the registry
// has no row.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { registry } from '@spillway/transports';
import { recordsPerBatch } from './encoding/batches.mjs';
import { modes } from './encoding/modes.mjs';
import { machine } from './machine.mjs';

const { values: args } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    'round-ms': { type: 'string', default: '120' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const missing = Object.keys(registry).filter((name) => !modes[name]);
if (missing.length > 0) throw new Error(`encoding/modes.mjs has nothing for ${missing.join(', ')}`);
const unknown = args.only.filter((name) => !registry[name]);
if (unknown.length > 0) throw new Error(`there is no transport '${unknown.join("', '")}'`);

const about = await machine();
const roundMs = Number(args['round-ms']);
const rows = [{ transport: '`JSON.parse` of each line', mode: '', ...measured({}) }];
for (const name of args.only.length > 0 ? args.only : Object.keys(registry)) {
  for (const [mode, options] of Object.entries(modes[name])) {
    rows.push({ transport: name, mode, ...measured({ transport: name, options }) });
  }
}
const { inputBytes } = rows[0];
const heading = `Batches of ${recordsPerBatch} records of ${Math.round(inputBytes)} bytes, before compression; best of seven rounds, each row in a process of its own. ${about.cpu}, Node.js ${about.node}.`;
if (args.json) process.stdout.write(`${JSON.stringify({ machine: about, recordsPerBatch, rows }, null, 2)}\n`);
else process.stdout.write(`${heading}\n\n${table(rows)}\n`);
if (args.write) write(`${heading}\n\n${table(rows)}`);

function measured(what) {
  const script = fileURLToPath(new URL('encoding/measure.mjs', import.meta.url));
  const output = execFileSync(process.execPath, [script, JSON.stringify({ ...what, roundMs })], { timeout: 60_000 });
  return JSON.parse(output.toString());
}

function table(found) {
  const head = ['transport', 'way', 'CPU a record', 'lines', 'on the wire'];
  const cells = found.map(({ transport, mode, cpuUs, mbPerSecond, wireBytes }) => [
    registry[transport] ? `[\`${transport}\`](transports/${transport}.md)` : transport,
    mode,
    `${cpuUs.toFixed(2)} µs`,
    `${speed(mbPerSecond)} MB/s`,
    mode === '' ? '' : `${Math.round(wireBytes)} B`,
  ]);
  return [head, head.map((_, i) => (i < 2 ? '---' : '---:')), ...cells]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

/** Two digits say as much as the machine's moods allow; a few bytes a record cost nothing that could be told. */
function speed(value) {
  return value > 20_000 ? 'over 20,000' : Number(value.toPrecision(2)).toLocaleString('en-US');
}

function write(text) {
  const page = fileURLToPath(new URL('../../docs/transports.md', import.meta.url));
  const before = readFileSync(page, 'utf8');
  const after = before.replace(/(<!-- measured: transports -->\n)[\s\S]*?(<!-- end -->)/, `$1\n${text}\n\n$2`);
  if (!before.includes('<!-- measured: transports -->'))
    throw new Error('docs/transports.md has no place for the table');
  writeFileSync(page, after);
}
