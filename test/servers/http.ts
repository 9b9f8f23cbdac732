// The little HTTP that readiness checks and read-back need. In: a URL. Out: its answer. Always true: bounded in time.

const probeTimeoutMs = 5000;
const replyTimeoutMs = 60_000;
const errorTextLimit = 500;

/** Whether a GET is answered with 200. */
export async function answers(url: string): Promise<boolean> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) });
  await reply.arrayBuffer();
  return reply.status === 200;
}

/** The body of a 2xx answer as text; anything else throws with the start of the body. */
export async function fetchText(url: string, init: RequestInit = {}): Promise<string> {
  const reply = await fetch(url, { ...init, signal: AbortSignal.timeout(replyTimeoutMs) });
  const body = await reply.text();
  if (!reply.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${reply.status} ${body.slice(0, errorTextLimit)}`);
  return body;
}

/** The values of a body of JSON lines. */
export function jsonLines<T>(body: string): T[] {
  return body
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as T);
}
