// A secret of a transport, given as it is or as a file.
// In: an option's value and the path of `<option>File`. Out: the secret, each time it is needed; files are read again when
// they change. Invariant: the secret is in no error.

import { SpillwayError } from './errors.js';
import { WatchedFile } from './http/watched-file.js';

/** Where a secret comes from. */
export interface SecretOptions {
  /** The option that holds the secret; the one with the file has the same name and `File` at its end. */
  readonly option: string;
  readonly value: string | undefined;
  readonly file: string | undefined;
}

/** Gives a secret when it is needed; undefined where there is none. A file wins.
 * @throws SpillwayError `SPILLWAY_CREDENTIALS`, from the function that is returned
 */
export function secretReader({ option, value, file }: SecretOptions): () => Promise<string | undefined> {
  if (file === undefined) return async () => value;
  const watched = new WatchedFile(file, `${option}File`);
  return async () => {
    const text = (await watched.read(false)).trim();
    if (text !== '') return text;
    throw new SpillwayError('SPILLWAY_CREDENTIALS', `The file of \`${option}File\` is empty`);
  };
}
