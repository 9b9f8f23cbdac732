import { addContext, countInRecord } from '@spillway/middleware';
import { logger } from '../../../../logger.mjs';

/** A handler of a route: nothing is handed to it, and still its lines carry the context. */
export async function GET(_request, { params }) {
  const { id } = await params;
  if (id === 'broken') throw new TypeError('no such user, token=hunter2');
  addContext({ user: id });
  countInRecord('db_queries');
  await new Promise((resolve) => setImmediate(resolve));
  logger.info({ step: 1 }, 'in the handler');
  return Response.json({ id });
}

export async function POST(request) {
  const body = await request.json();
  logger.info({ body }, 'got a body');
  return Response.json({ got: body });
}
