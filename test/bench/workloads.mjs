// What is logged: fields and a message for the i-th record. Every record carries its number `i`, by which the receiver
// knows it. `perTick` calls are made in one turn of the event loop when nothing sets the pace.

/** About 270 bytes as pino writes it: a request log. */
const request = (i) => ({
  i,
  requestId: `3f1c9a52-7d0e-4b6e-9c1e-${100_000_000_000 + i}`,
  method: 'GET',
  path: `/api/orders/${i % 1000}/items`,
  status: 200,
  durationMs: (i % 97) + 0.25,
  user: `user-${i % 500}`,
  agent: 'shop-app/4.2',
});

export const workloads = {
  request: { perTick: 500, message: 'request completed', fields: () => request },
  tiny: { perTick: 500, message: 'ok', fields: () => (i) => ({ i }) },
  children: { perTick: 500, message: 'request completed', fields: () => request, children: 1000 },
  /** A request log with text in it, so that the record has about `bytes`. */
  text: {
    message: 'request completed',
    fields({ bytes }) {
      const length = Math.max(bytes - 270, 0);
      const text = prose(length + 4096);
      return (i) => ({ ...request(i), text: text.slice(i % 4096, (i % 4096) + length) });
    },
    perTickOf: ({ bytes }) => Math.max(1, Math.min(500, Math.floor(131_072 / bytes))),
  },
};

/** Text with the statistics of a log: words that come again, numbers that do not. The same in every run. */
function prose(length) {
  const words =
    'request order payment timeout retry upstream cache miss user session failed accepted queue shard'.split(' ');
  let state = 42;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += `${words[(state >>> 8) % words.length]}=${state} `;
  }
  return text.slice(0, length);
}
