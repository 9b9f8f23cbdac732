// Where figures come from: they mean little without it.

import { readFileSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long the machine is looked at. */
const lookMs = 1000;

/** The machine, how many of its processors are busy before the run, and the versions. */
export async function machine() {
  const cpus = os.cpus();
  return {
    node: process.version,
    os: `${os.type()} ${os.release()}`,
    cpu: cpus[0]?.model.trim(),
    cpus: cpus.length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    load: await load(),
    date: new Date().toISOString().slice(0, 10),
    pino: versionOf('pino'),
  };
}

// Not the load average: that is still full of the run before.
async function load() {
  const before = times();
  await sleep(lookMs);
  const after = times();
  const busy = (after.all - before.all - (after.idle - before.idle)) / (after.all - before.all);
  return Number((busy * os.cpus().length).toFixed(2));
}

function times() {
  const all = os.cpus().map(({ times }) => times);
  const sum = (of) => all.reduce((total, times) => total + of(times), 0);
  return {
    all: sum(({ user, nice, sys, idle, irq }) => user + nice + sys + idle + irq),
    idle: sum(({ idle }) => idle),
  };
}

/** One line about a machine. */
export function machineLine({ cpus, cpu, memoryGb, node, os, load, date }) {
  const line = `Node ${node}, ${cpus} × ${cpu}, ${memoryGb} GB, ${os}, load ${load} before the run, ${date}.`;
  return isBusy({ load, cpus })
    ? `${line} **The machine was busy with other work: run it again on a quiet one.**`
    : line;
}

/** Whether others kept it from being measured well. */
export function isBusy({ load, cpus }) {
  return load > cpus / 2;
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}
