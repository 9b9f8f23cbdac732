// `pnpm docs:bench [results.json]` makes docs/benchmarks.md and its picture from results, and keeps them beside the
// page, so that it can be made again. `pageOf` and `pictureOf` are pure: the same results, the same text.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { barChart } from './chart.mjs';
import { isBusy, machineLine } from './machine.mjs';
import { scaleSection, soakSection } from './page-scale.mjs';
import { peerVersions } from './peers.mjs';
import { markdownTable } from './table.mjs';
import { judged } from './targets.mjs';
import { wayColumns } from './way-columns.mjs';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));

/** The picture: CPU per record of the burst, cheapest first, with the floor as a line. */
export function pictureOf({ scenarios }) {
  const { rows, rounds, records } = scenarios.burst;
  const floor = rows.find(({ name }) => name.includes('worker → /dev/null'));
  const shown = rows
    .filter(({ cpuUs, lost, name }) => cpuUs !== undefined && lost === 0 && !name.includes('compressed'))
    .sort((a, b) => a.cpuUs - b.cpuUs)
    .map(({ name, group, cpuUs, cpuRatio }) => ({ name, group, value: cpuUs, ratio: cpuRatio }));
  return barChart({
    title: 'CPU time of the whole process per delivered record',
    unit: `µs and × floor, ${records.toLocaleString('en-US')} records in a burst, medians of ${rounds} rounds, no compression`,
    rows: shown,
    mark: { value: floor.cpuUs, label: floor.name },
  });
}

/** The page, in Markdown. */
export function pageOf(results) {
  const sections = Object.values(results.scenarios).map(scenarioSection);
  const parts = [
    readFileSync(new URL('page/introduction.md', import.meta.url), 'utf8').trim(),
    `![CPU time per record](benchmarks.svg)`,
    targetSection(results),
    ...sections,
    results.way ? waySection(results.way) : '',
    results.scale ? scaleSection(results.scale) : '',
    results.soak ? soakSection(results.soak) : '',
    `## Versions\n\n${versions()}`,
    readFileSync(new URL('page/method.md', import.meta.url), 'utf8').trim(),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function scenarioSection({ title, about, records, rounds, machine, rows }) {
  const notes = rows.filter(({ died }) => died).map(({ name, died }) => `† ${name} ${died.replace(/[|\n]/g, ' ')}`);
  return [
    `## ${title}`,
    `${records.toLocaleString('en-US')} records, ${about}. Medians of ${rounds} interleaved rounds. ${machineLine(machine)}`,
    markdownTable(rows),
    ...notes,
  ].join('\n\n');
}

function targetSection(results) {
  const targets = judged(results);
  if (targets.length === 0) return '';
  const show = (value, { limit, unit }) => {
    if (value === undefined) return undefined;
    return unit === '' ? String(value) : `${value.toFixed(limit >= 10 ? 0 : 2)} ${unit}`;
  };
  const table = markdownTable(
    targets.map((target) => ({ ...target, name: target.title })),
    [
      ['measured', (target) => show(target.value, target), String],
      ['in a process that runs', (target) => show(target.warm, target), (text) => text ?? ''],
      ['at most', ({ limit, unit }) => `${limit} ${unit}`.trim(), String],
      ['met', metWhen, String],
    ],
  );
  const busy = Object.values(results.scenarios).some(({ machine }) => isBusy(machine));
  const caution = busy ? ' The machine was busy with other work, which shows in blocks and delays most of all.' : '';
  const count = (when) => targets.filter((target) => metWhen(target) === when).length;
  const verdict = `${count('yes')} of ${targets.length} are met in these results, ${count('once it runs')} more in a process that has been running for a while; where we miss, it says so.`;
  return `## Targets\n\nWhat we want to be true, judged by the figures below. ${verdict}${caution}\n\n${table}`;
}

function metWhen({ met, warm, metWarm }) {
  if (warm === undefined || met === metWarm) return met ? 'yes' : '**no**';
  return metWarm ? 'once it runs' : 'at the start';
}

function waySection({ rows, records, rounds, perSecond, machine }) {
  const pace = perSecond ? `${perSecond.toLocaleString('en-US')} records a second` : 'in a burst';
  return [
    '## The whole way: with an agent, and without',
    `The same application, ${records.toLocaleString('en-US')} records ${pace}: its stdout goes to a file that an agent on the node reads and ships, or it ships by itself. CPU and writes to disk of application and agent together. Medians of ${rounds} interleaved rounds. ${machineLine(machine)}`,
    markdownTable(rows, wayColumns),
  ].join('\n\n');
}

function versions() {
  return Object.entries(peerVersions())
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const kept = `${docs}benchmarks.json`;
  const text = readFileSync(process.argv[2] ?? kept, 'utf8');
  const results = JSON.parse(text);
  writeFileSync(kept, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(`${docs}benchmarks.svg`, pictureOf(results));
  writeFileSync(`${docs}benchmarks.md`, pageOf(results));
}
