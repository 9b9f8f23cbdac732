// The keys of whoever looks: given like the `spool.encryption` options of an application.

import { parseOptions } from '../../options/parse.js';
import { Keys } from '../keys.js';
import { spoolOptions } from '../options.js';
import { readingDisk } from './reading-disk.js';

export type { Keys } from '../keys.js';

/**
 * Keys to read with; the key file, if there is one, has been read. The secrets stay inside.
 * @param encryption what users write under `spool.encryption`; nothing where nothing is encrypted
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`, DiskError `KEY_MISSING`
 */
export async function spoolKeys(
  encryption: unknown = {},
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Keys> {
  const keys = new Keys(parseOptions(spoolOptions.fields.encryption, encryption, 'spool.encryption'), env);
  await readingDisk().run(() => keys.current());
  return keys;
}
