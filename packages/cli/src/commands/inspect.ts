// `spillway inspect`: every frame of segments, as their headers tell. No record is read.

import { type FrameSurvey, inspectSegment } from '@spillway/core/spool';
import type { Command } from '../command.js';
import { exitCodes } from '../io.js';
import { Output } from '../output.js';
import { configOptions } from '../settings.js';
import { folders, isHurt, segmentsOf, selectOptions } from '../spools.js';
import { bytes, count } from '../text/amounts.js';
import { plain } from '../text/plain.js';

export const inspect: Command = {
  name: 'inspect',
  summary: 'Shows the frames of segments: offset, records, times, level, size, ack, attempts.',
  takes: '[path …]',
  options: { ...configOptions, ...selectOptions },
  notes: ['Reads headers only, never records; needs no key. Exit code 1 where something is damaged or cannot be read.'],
  async run(run) {
    const output = new Output(run.io, run.values.has('json'));
    const located = segmentsOf(await folders(run));
    const segments = [];
    for (const { segment: place } of located) {
      const { segment, frames } = await inspectSegment(place);
      segments.push({ ...segment, list: frames });
      output.line(output.paint('bold', plain(segment.path)));
      const about = [segment.state, segment.kind, `created ${iso(segment.createdAt)}`, bytes(segment.bytes)];
      output.line(`  ${about.filter(Boolean).join(', ')}${segment.encrypted ? `, key ${segment.keyId}` : ''}`);
      for (const frame of frames) output.line(`  ${frameLine(frame)}`);
      for (const { offset, bytes: length, kind } of segment.damage) {
        output.line(output.paint('red', `  ${String(offset).padStart(10)}  ${kind}: ${bytes(length)} are wrong`));
      }
      output.line();
    }
    if (located.length === 0) output.line('No segment here.');
    await output.result('inspect', { segments });
    return located.some(isHurt) ? exitCodes.problems : exitCodes.fine;
  },
};

function frameLine(frame: FrameSurvey): string {
  const { offset, type, records, storedBytes, codec, settled, attempts, firstSequence, lastSequence } = frame;
  const place = `${String(offset).padStart(10)}  ${type.padEnd(5)}`;
  const state = settled ?? (attempts > 0 ? `waiting, ${count(attempts, 'attempt')}` : 'waiting');
  if (type === 'seal') return `${place}  ${settled ?? 'binds pieces'}`;
  const times = `${iso(frame.minTime)} … ${iso(frame.maxTime)}`;
  const numbers = `${count(records, 'record')} (${firstSequence}…${lastSequence}), level ≤ ${frame.maxLevel}`;
  return `${place}  ${numbers}, ${times}, ${bytes(storedBytes)} ${codec}, ${state}`;
}

function iso(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
