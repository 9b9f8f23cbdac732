// Memory that is let go of at once. In: a buffer that nobody else refers to. Out: its memory, to the allocator.
// The collector counts objects, and a megabyte outside its heap is a small object: left to it, the results of
// decompression pile up to tens of megabytes between two collections, and the allocator keeps what it once had.

import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Smaller ones are not worth it, and may share their memory with others. */
const minBytes = 65_536;
let nowhere: MessagePort | undefined;

/** Frees a buffer's memory, which has to be the whole of an ArrayBuffer of its own. The buffer is empty afterwards. */
export function discard({ buffer }: Buffer): void {
  if (buffer.byteLength < minBytes || !(buffer instanceof ArrayBuffer)) return;
  nowhere ??= closedPort();
  // What is handed over to a closed port is detached here and destroyed there, by the standard.
  nowhere.postMessage(undefined, [buffer]);
}

function closedPort(): MessagePort {
  const { port1 } = new MessageChannel();
  port1.close();
  return port1;
}
