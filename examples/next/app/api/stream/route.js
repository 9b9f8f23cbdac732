import { withRoute } from '@spillway/middleware/next';
import { logger } from '../../../logger.mjs';

/** Streams until the client has enough. */
export const GET = withRoute('/api/stream', (request) => {
  const parts = Number(new URL(request.url).searchParams.get('parts') ?? 5);
  let part = 0;
  const body = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      logger.info({ part }, 'streaming');
      controller.enqueue(new TextEncoder().encode('x'.repeat(1000)));
      if (++part >= parts) controller.close();
    },
  });
  return new Response(body);
});

export const dynamic = 'force-dynamic';
