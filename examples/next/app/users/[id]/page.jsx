import { addContext } from '@spillway/middleware';
import { logger } from '../../../logger.mjs';

export const dynamic = 'force-dynamic';

/** A server component: what it logs carries the id of the request, and so does the record. */
export default async function Page({ params }) {
  const { id } = await params;
  if (id === 'broken') throw new TypeError('no such page, token=hunter2');
  addContext({ user: id });
  logger.info('rendering');
  return <h1>user {id}</h1>;
}
