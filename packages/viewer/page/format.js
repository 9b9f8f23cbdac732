// Text for the page: log content made harmless to look at, times, counts, and the one-line summary of a record.
// Pure: strings and plain objects in, strings out. Everything is later set as textContent.

/**
 * @typedef {object} LogRecord
 * @property {number} id
 * @property {number} time Epoch milliseconds.
 * @property {number} level
 * @property {Record<string, string> | null} labels
 * @property {Record<string, string> | null} metadata
 * @property {unknown} record The parsed line, or its text when it is not a JSON object.
 */

// Controls, bidirectional overrides, zero-width and other invisible characters, line separators, language tags, lone
// surrogates: anything that could hide, reorder or fake what the log says.
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what this looks for
  /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal begin with ESC
const colours = /\x1b\[[0-9;:]*m/g;

// The names of the controls 0 to 31.
const controls =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  );

/**
 * Shows characters that would not be seen, or would change how others are seen. Line breaks and tabs stay.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(unsafe, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    const name = code === 0x7f ? 'DEL' : controls[code];
    if (name !== undefined) return `\u27e8${name}\u27e9`;
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}

/**
 * The same on one line and without terminal colours, cut at `max` characters.
 * @param {string} text
 * @param {number} [max]
 */
export function oneLine(text, max = 400) {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return visible(
    cut
      .replace(colours, '')
      .replace(/\r?\n\s*/g, ' ↵ ')
      .replaceAll('\t', ' '),
  );
}

/** @param {number} level */
export function levelName(level) {
  if (level < 1) return 'none';
  if (level < 20) return 'trace';
  if (level < 30) return 'debug';
  if (level < 40) return 'info';
  if (level < 50) return 'warn';
  return level < 60 ? 'error' : 'fatal';
}

/** @param {number} value @param {number} digits */
const pad = (value, digits) => String(value).padStart(digits, '0');

/** Local time of day to the millisecond. @param {number} ms */
export function clock(ms) {
  const date = new Date(ms);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part, 2));
  return `${parts.join(':')}.${pad(date.getMilliseconds(), 3)}`;
}

/** Local date. @param {number} ms */
export function day(ms) {
  const date = new Date(ms);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
}

/** How long ago, roughly. @param {number} ms @param {number} now */
export function ago(ms, now) {
  const seconds = Math.round((now - ms) / 1000);
  if (seconds < 0) return 'in the future';
  if (seconds < 5) return 'just now';
  if (seconds < 100) return `${seconds} s ago`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

const grouped = new Intl.NumberFormat('en');

/** @param {number} value */
export function count(value) {
  return grouped.format(Math.round(value));
}

/** @param {number} value @param {string} one @param {string} many */
export function plural(value, one, many) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** @param {number} value */
export function bytes(value) {
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)} KB`;
  const mb = value / 1024 ** 2;
  if (mb < 1024) return `${mb < 10 ? mb.toFixed(1) : Math.round(mb)} MB`;
  return `${(mb / 1024).toFixed(1)} GB`;
}

const messageKeys = ['msg', 'message', 'body', 'event', 'text'];
const sourceKeys = ['name', 'logger', 'module', 'component', 'service', 'app', 'service_name'];
// Shown elsewhere in the row, or the same in every record of a process.
const plainKeys = new Set([
  ...messageKeys,
  'level',
  'severity',
  'time',
  'timestamp',
  '@timestamp',
  'ts',
  'pid',
  'hostname',
  'name',
  'v',
  'app',
  'service',
]);

/** @param {unknown} value @returns {value is Record<string, unknown>} */
export function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a row says: @param {LogRecord} record */
export function message({ record }) {
  if (!isObject(record)) return typeof record === 'string' ? record : String(record);
  for (const key of messageKeys) {
    const value = record[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  const error = record.err ?? record.error;
  if (isObject(error) && typeof error.message === 'string') return error.message;
  return '';
}

/** Where it comes from: @param {LogRecord} record */
export function source({ record, labels }) {
  for (const from of [isObject(record) ? record : null, labels]) {
    if (from === null) continue;
    for (const key of sourceKeys) {
      const value = from[key];
      if (typeof value === 'string' && value !== '') return value;
    }
  }
  return '';
}

/**
 * The other fields as pairs, nested ones with dotted names, as many as a row can show. An HTTP exchange comes first, in
 * one piece and without a name.
 * @param {LogRecord} record
 * @returns {[string, string][]}
 */
export function preview({ record, metadata }) {
  /** @type {[string, string][]} */
  const pairs = [];
  if (isObject(record)) {
    const exchanged = exchange(record);
    if (exchanged !== '') pairs.push(['', exchanged]);
    flatten(record, '', pairs, exchanged === '' ? plainKeys : exchangeKeys);
  }
  if (metadata !== null) flatten(metadata, '', pairs, plainKeys);
  return pairs;
}

/**
 * `GET /cart → 200 in 12 ms`, as far as it is known: from pino-http's nested fields or from flat ones.
 * @param {Record<string, unknown>} record
 */
function exchange(record) {
  const { method, url, path } = isObject(record.req) ? record.req : record;
  const target = url ?? path;
  if (typeof method !== 'string' || typeof target !== 'string') return '';
  const status = isObject(record.res) ? record.res.statusCode : (record.status ?? record.statusCode);
  const ms = record.responseTime ?? record.durationMs;
  const outcome = typeof status === 'number' ? ` → ${status}` : '';
  const time = typeof ms === 'number' ? ` in ${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms` : '';
  return oneLine(`${method} ${target}${outcome}${time}`, 200);
}

const exchangeKeys = new Set([
  ...plainKeys,
  'req',
  'res',
  'responseTime',
  'method',
  'url',
  'path',
  'status',
  'statusCode',
  'durationMs',
]);
const PREVIEW = 12;

/**
 * @param {Record<string, unknown>} fields
 * @param {string} prefix
 * @param {[string, string][]} pairs
 * @param {ReadonlySet<string>} except Keys to leave out at the top.
 */
function flatten(fields, prefix, pairs, except) {
  for (const key in fields) {
    if (pairs.length >= PREVIEW) return;
    // A stack says nothing in one line; the message above it does.
    if (prefix === '' ? except.has(key) : key === 'stack') continue;
    const value = fields[key];
    const name = oneLine(prefix + key, 60);
    if (isObject(value)) {
      if (prefix.split('.').length <= 2) flatten(value, `${prefix}${key}.`, pairs, except);
    } else if (Array.isArray(value)) pairs.push([name, value.length === 0 ? '[]' : `[${value.length}]`]);
    else if (value !== null && value !== '') pairs.push([name, oneLine(String(value), 80)]);
  }
}
