// Visitors of the shop: a steady mix of requests over a few keep-alive connections, until told to stop.

import { Pool } from 'undici';

const connections = 16;

/** Sends requests until `signal` is aborted; resolves with how many were answered. */
export async function load(origin, signal) {
  const pool = new Pool(origin, { connections, pipelining: 1 });
  let sent = 0;
  let answered = 0;
  async function visitor() {
    while (!signal.aborted) {
      const { body } = await pool.request(request(sent++));
      await body.dump();
      answered += 1;
    }
  }
  await Promise.all(Array.from({ length: connections }, visitor));
  await pool.close();
  return answered;
}

/** The n-th request: mostly products, some lists, some orders, some that go wrong. */
function request(n) {
  const headers = { 'user-agent': 'spillway-demo/1.0' };
  if (n % 10 === 3) return { path: '/products', method: 'GET', headers };
  if (n % 10 === 6) {
    const order = { user: `user-${n % 97}`, product: n % 500, quantity: n % 200 === 6 ? 12 : 1 + (n % 4) };
    return {
      path: '/orders',
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(order),
    };
  }
  return { path: `/products/${n % 50 === 1 ? 500 + n : (n * 7) % 500}`, method: 'GET', headers };
}
