// Where figures come from: they mean little without it.

import { readFileSync } from 'node:fs';
import os from 'node:os';

/** The machine, its load before the run, and the versions. */
export function machine() {
  const cpus = os.cpus();
  return {
    node: process.version,
    os: `${os.type()} ${os.release()}`,
    cpu: cpus[0]?.model.trim(),
    cpus: cpus.length,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    load: Number(os.loadavg()[0].toFixed(2)),
    date: new Date().toISOString().slice(0, 10),
    pino: versionOf('pino'),
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
