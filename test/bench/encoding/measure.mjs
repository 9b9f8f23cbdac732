// Measures one way of one transport in this process, which does nothing else: node measure.mjs '{"transport":…,"options":…}'
// Without a transport it measures `JSON.parse` of each line, for comparison. Out: one line of JSON.

import { registry } from '@spillway/transports';
import { batches, recordsPerBatch } from './batches.mjs';

const { transport: name, options, roundMs = 120, rounds = 7 } = JSON.parse(process.argv[2]);
const all = batches(16);
const work = name === undefined ? parser() : encoder(registry[name].factory(options));

// Until the compiler has settled.
spend(roundMs * 3);
// The best round: what else the machine does can only add to it.
const cpuUs = Math.min(...Array.from({ length: rounds }, () => spend(roundMs)));
const inputBytes = all.reduce((sum, { bytes }) => sum + bytes.length, 0) / (all.length * recordsPerBatch);
const wireBytes = all.reduce((sum, batch) => sum + work(batch), 0) / (all.length * recordsPerBatch);
process.stdout.write(`${JSON.stringify({ cpuUs, mbPerSecond: inputBytes / cpuUs, inputBytes, wireBytes })}\n`);

function encoder(transport) {
  return (batch) => transport.sizeOf(transport.encode(batch));
}

function parser() {
  return (batch) => {
    let members = 0;
    for (let i = 0; i < batch.count; i++) members += Object.keys(batch.fields(i)).length;
    return members;
  };
}

/** CPU time of the process, garbage collection included, µs a record. */
function spend(ms) {
  const before = process.cpuUsage();
  const end = performance.now() + ms;
  let done = 0;
  while (performance.now() < end) {
    work(all[done % all.length]);
    done += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (done * recordsPerBatch);
}
