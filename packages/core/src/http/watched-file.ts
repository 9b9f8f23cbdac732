// A file whose text follows it: secrets and certificates are renewed in place by the platform.
// In: a path. Out: its text, read again when the file changed.
// Invariants: a file that cannot be read any more keeps its last text; one that never could is an error with a code.

import { readFile, stat } from 'node:fs/promises';
import { SpillwayError } from '../errors.js';

/** Secrets and certificates are small; what is larger is a wrong path. */
const maxBytes = 1024 * 1024;

/** The text of a file, cached until the file changes. */
export class WatchedFile {
  readonly #path: string;
  readonly #option: string;
  #text: string | undefined;
  #version = '';

  /** `option` names the option that gave the path, for errors. */
  constructor(path: string, option: string) {
    this.#path = path;
    this.#option = option;
  }

  /** The current text. With `refresh` it is read even if the file looks the same. */
  async read(refresh: boolean): Promise<string> {
    try {
      const { ino, mtimeMs, size } = await stat(this.#path);
      const version = `${ino}-${mtimeMs}-${size}`;
      if (this.#text === undefined || refresh || version !== this.#version) {
        if (size > maxBytes) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
        this.#text = await readFile(this.#path, 'utf8');
        this.#version = version;
      }
    } catch (cause) {
      if (this.#text === undefined) {
        const { code } = cause as { code?: unknown };
        throw new SpillwayError('SPILLWAY_CREDENTIALS', `Cannot read the file of \`${this.#option}\` (${code})`, {
          cause,
        });
      }
    }
    return this.#text;
  }
}
