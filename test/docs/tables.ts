// The parts of the documentation that follow from the code.
// In: the registry, source files. Out: Markdown, put between markers that name what belongs there:
// <!-- generated: options loki --> … <!-- end -->

import { readFileSync } from 'node:fs';
import { commands } from '@spillway/cli';
import { describe, type OptionDoc, pipelineOptions, routeMatchOptions } from '@spillway/core';
import { registry, type Traits } from '@spillway/transports';
import { membersOf } from './interfaces.js';

const section = /(<!-- generated: ([^\n]+?) -->\n)[\s\S]*?(<!-- end -->)/g;

/** A page with its generated parts renewed. */
export function renewed(page: string, root: string): string {
  return page.replace(
    section,
    (_, open: string, what: string, close: string) => `${open}\n${part(what, root)}\n\n${close}`,
  );
}

function part(what: string, root: string): string {
  const [kind = '', argument = ''] = what.split(' ');
  if (kind === 'transports') return transportsTable();
  if (kind === 'pipeline') return optionsTable(describe(pipelineOptions));
  if (kind === 'route') return optionsTable(describe(routeMatchOptions));
  if (kind === 'options') return optionsTable(entryOf(argument).options());
  if (kind === 'facts') return factsTable(entryOf(argument).traits);
  if (kind === 'interface') return interfaceTable(argument, root);
  if (kind === 'commands') return commandsTable();
  if (kind === 'command') return commandTable(what.slice('command '.length));
  if (kind === 'source') return `\`\`\`ts\n${readFileSync(`${root}/${argument}`, 'utf8').trimEnd()}\n\`\`\``;
  throw new Error(`Nothing generates '${what}'`);
}

function entryOf(name: string) {
  const entry = registry[name];
  if (!entry) throw new Error(`There is no transport '${name}'`);
  return entry;
}

function transportsTable(): string {
  const rows = Object.entries(registry).map(([name, { traits }]) => [
    `[\`${name}\`](transports/${name}.md)`,
    traits.title,
    traits.body,
    traits.maxRequest,
    traits.maxRecord,
    traits.idempotency,
    traits.compression,
    traits.auth,
    traits.proven,
  ]);
  const head = [
    'transport',
    'system',
    'lines are',
    'request',
    'record',
    'repetition',
    'compression',
    'auth',
    'proven on',
  ];
  return table(head, rows);
}

function commandsTable(): string {
  const rows = commands.map(({ name, summary }) => [`[\`${name}\`](#${name.replaceAll(' ', '-')})`, summary]);
  return table(['command', ''], rows);
}

function commandTable(name: string): string {
  const command = commands.find((each) => each.name === name);
  if (!command) throw new Error(`There is no command '${name}'`);
  const rows = Object.entries(command.options).map(([option, { short, value, doc }]) => [
    `\`${short ? `-${short}, ` : ''}--${option}${value ? ` ${value}` : ''}\``,
    doc,
  ]);
  const usage = `\`\`\`\nspillway ${name} ${command.takes} [options]\n\`\`\``;
  return `${usage}\n\n${command.summary}\n\n${table(['option', ''], rows)}`;
}

function factsTable({ body, maxRequest, maxRecord, idempotency, compression, auth, proven }: Traits): string {
  return table(
    ['', ''],
    [
      ['Lines are', body],
      ['Largest request', maxRequest],
      ['Longest record', maxRecord],
      ['Repetition', idempotency],
      ['Compression', compression],
      ['Authentication', auth],
      ['Proven on', proven],
    ],
  );
}

function optionsTable(options: readonly OptionDoc[]): string {
  const rows = options.map(({ path, type, default: fallback, doc }) => [`\`${path}\``, type, code(fallback), doc]);
  return table(['option', 'takes', 'default', ''], rows);
}

/** `packages/x/src/options.ts#Options` */
function interfaceTable(place: string, root: string): string {
  const [path = '', name = ''] = place.split('#');
  const rows = membersOf(`${root}/${path}`, name).map(({ name, type, default: fallback, doc }) => [
    `\`${name}\``,
    `\`${type}\``,
    code(fallback),
    doc,
  ]);
  return table(['option', 'takes', 'default', ''], rows);
}

function code(fallback: string): string {
  return fallback.startsWith('required') || fallback === '–' ? fallback : `\`${fallback}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
