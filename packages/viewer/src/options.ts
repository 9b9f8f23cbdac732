// Start-up: turns what the user wrote into settled options, or throws one error that names the option, what was
// expected and what was got. Nothing is clamped silently, and a token never appears in a message.
import { ViewerError } from './errors.js';
import { isLoopback } from './http/address.js';
import { MIB } from './limits.js';

/** Options of {@link viewer}. All have defaults; sizes are bytes or text such as `'512mb'`. */
export interface ViewerOptions {
  /** Port to listen on, 0 to 65535; 0 picks a free one. @default 4600 */
  port?: number;
  /** Address to bind. Anything but a loopback address needs a `token`. @default '127.0.0.1' */
  host?: string;
  /** Secret of at least 16 characters that every request must carry (`Authorization: Bearer`, or Basic with it as the password). */
  token?: string;
  /** Further `Host` names under which the viewer may be reached, beside loopback names and addresses. @default [] */
  allowedHosts?: readonly string[];
  /** Where the records are kept. @default `spillway/viewer` in the cache directory of the user */
  directory?: string;
  /** Keep the records in memory only; they are gone after `close()`. @default false */
  memory?: boolean;
  /** Records kept, 100 to 10,000,000; the oldest go first. @default 200_000 */
  maxRecords?: number;
  /** Size of the database on disk, '4mb' to '64gb'; the oldest records go first. @default '512mb' */
  maxBytes?: number | string;
  /** Run although `NODE_ENV` is `production`. @default false */
  force?: boolean;
}

/** Options after validation: everything is present and in one unit. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  readonly token: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly directory: string | undefined;
  readonly memory: boolean;
  readonly maxRecords: number;
  readonly maxBytes: number;
}

const known = ['port', 'host', 'token', 'allowedHosts', 'directory', 'memory', 'maxRecords', 'maxBytes', 'force'];

/** Validates the options. @throws ViewerError with code SPILLWAY_OPTIONS_INVALID or SPILLWAY_VIEWER_PRODUCTION */
export function settle(options: ViewerOptions, env: NodeJS.ProcessEnv = process.env): Settings {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) fail('options', 'an object', options);
  for (const key of Object.keys(options)) if (!known.includes(key)) unknownKey(key);
  const { port = 4600, host = '127.0.0.1', token, directory, maxRecords = 200_000 } = options;
  const { memory = false, force = false, allowedHosts = [], maxBytes = '512mb' } = options;
  integer('port', port, 0, 65_535);
  integer('maxRecords', maxRecords, 100, 10_000_000);
  for (const [name, value] of Object.entries({ memory, force })) {
    if (typeof value !== 'boolean') fail(name, 'true or false', value);
  }
  if (typeof host !== 'string' || !/^[\w.:%-]+$/.test(host)) fail('host', 'an address such as 127.0.0.1', host);
  if (token !== undefined && (typeof token !== 'string' || !/^[!-~]{16,512}$/.test(token))) {
    fail('token', '16 to 512 printable characters without spaces', typeof token === 'string' ? 'another text' : token);
  }
  if (directory !== undefined && (typeof directory !== 'string' || directory === '' || directory.includes('\0'))) {
    fail('directory', 'a path', directory);
  }
  if (directory !== undefined && memory) fail('directory', 'absent when `memory` is true', directory);
  if (
    !Array.isArray(allowedHosts) ||
    !allowedHosts.every((name) => typeof name === 'string' && /^[\w.-]+$/.test(name))
  ) {
    fail('allowedHosts', 'a list of host names without ports', allowedHosts);
  }
  if (!isLoopback(host) && token === undefined)
    fail('token', `a secret, because \`host\` is not a loopback address`, token);
  if (env.NODE_ENV === 'production' && !force) {
    throw new ViewerError(
      'SPILLWAY_VIEWER_PRODUCTION',
      'The viewer is a development tool and NODE_ENV is `production`. Set `force` (--force) to start it all the same.',
    );
  }
  const bytes = size('maxBytes', maxBytes);
  // SQLite as WebAssembly has an address space of 4 GiB at most.
  if (memory && bytes > 1024 * MIB) fail('maxBytes', 'at most 1gb when `memory` is true', maxBytes);
  return { port, host, token, allowedHosts, directory, memory, maxRecords, maxBytes: bytes };
}

const units: Record<string, number> = { '': 1, b: 1, kb: 1024, mb: MIB, gb: 1024 * MIB };

function size(name: string, value: unknown): number {
  const expected = "bytes or a size such as '512mb', from 4mb to 64gb";
  let bytes = value;
  if (typeof value === 'string') {
    const [, digits = 'NaN', unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?b?)$/i.exec(value.trim()) ?? [];
    bytes = Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN));
  }
  if (typeof bytes !== 'number' || !(bytes >= 4 * MIB && bytes <= 64 * 1024 * MIB)) fail(name, expected, value);
  return Math.floor(bytes);
}

function integer(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    fail(name, `a whole number from ${min} to ${max}`, value);
  }
}

function unknownKey(key: string): never {
  const lower = key.toLowerCase();
  const near = known.find((name) => name.toLowerCase().includes(lower) || lower.includes(name.toLowerCase()));
  const hint = near === undefined ? `Known options: ${known.join(', ')}.` : `Did you mean \`${near}\`?`;
  throw new ViewerError('SPILLWAY_OPTIONS_INVALID', `Unknown option \`${key.slice(0, 80)}\`. ${hint}`);
}

function fail(name: string, expected: string, got: unknown): never {
  const shown = typeof got === 'string' ? JSON.stringify(got.slice(0, 80)) : String(got).slice(0, 80);
  throw new ViewerError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`${name}\` to be ${expected}, got ${shown} (${typeof got}).`,
  );
}
