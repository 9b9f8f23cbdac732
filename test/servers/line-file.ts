// Files of JSON lines that a server appends to. In: a path. Out: their values. Always true: a last line that is still being
// written is left out, and a file that is not there yet is empty.
import { existsSync, readFileSync } from 'node:fs';
import { jsonLines } from './http.js';

export function readLineFile<T>(path: string): T[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  return jsonLines<T>(text.slice(0, text.lastIndexOf('\n') + 1));
}
