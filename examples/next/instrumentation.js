// Next runs this once when its server starts. `NEXT_RUNTIME` keeps it out of the edge runtime, which has no Node.
export async function register() {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { logRequests } = await import('@spillway/middleware/next');
    const { logger } = await import('./logger.mjs');
    logRequests({ logger });
  }
}

export async function onRequestError(...args) {
  if (process.env.NEXT_RUNTIME === 'nodejs') {
    const { recordRequestError } = await import('@spillway/middleware/next');
    recordRequestError(...args);
  }
}
