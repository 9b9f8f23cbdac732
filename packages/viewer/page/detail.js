// The details of a record: when and where it comes from, and its fields as a tree. Strings with line breaks, such as
// error stacks, are shown as they were meant. Nested values are built when they are opened; long ones are cut.
import { button, copyButton, element } from './dom.js';
import { ago, bytes, clock, count, day, isObject, visible } from './format.js';

/** @typedef {import('./format.js').LogRecord} LogRecord */
/** @typedef {{ narrow: (term: string) => void }} Actions */

const CHILDREN = 100;
const TEXT = 4000;
const OPEN_DEPTH = 3;

/** @param {LogRecord} record @param {Actions} actions */
export function detail(record, actions) {
  const when = `${day(record.time)} ${clock(record.time)}`;
  const head = element('div', 'head', [
    element('span', '', when, { title: new Date(record.time).toISOString() }),
    element('span', 'faint', ago(record.time, Date.now())),
    element('span', 'faint', `#${record.id}`),
    element('span', 'spring'),
    copyButton('Copy JSON', () => json(record.record)),
  ]);
  const parts = [head, chips('Labels', record.labels, actions), chips('Metadata', record.metadata, actions)];
  const body = isObject(record.record)
    ? children(record.record, { path: '', depth: 0, actions })
    : [element('pre', 'plain', visible(String(record.record)))];
  return element('div', 'detail', [...parts, element('div', 'tree', body)]);
}

/** @param {string} title @param {Record<string, string> | null} pairs @param {Actions} actions */
function chips(title, pairs, actions) {
  if (pairs === null || Object.keys(pairs).length === 0) return null;
  const items = Object.entries(pairs).map(([key, value]) =>
    button('chip', `${visible(key)}=${visible(value)}`, () => actions.narrow(term(key, value)), {
      title: 'Only records with this',
    }),
  );
  return element('div', 'chips', [element('span', 'faint', title), ...items]);
}

/** @typedef {{ path: string, depth: number, actions: Actions }} Place */

/** @param {Record<string, unknown> | unknown[]} value @param {Place} place @returns {HTMLElement[]} */
function children(value, place) {
  const entries = Object.entries(value);
  // Stacks last: they are long, and what is beside them is not to be looked for below.
  if (!Array.isArray(value)) entries.sort(([, a], [, b]) => Number(isBlock(a)) - Number(isBlock(b)));
  const nodes = entries.slice(0, CHILDREN).map(([key, child]) => entry(key, child, place));
  if (entries.length > CHILDREN) nodes.push(rest(entries.slice(CHILDREN), place));
  return nodes;
}

/** @param {[string, unknown][]} entries @param {Place} place */
function rest(entries, place) {
  const holder = element('div', 'rest');
  holder.append(
    button('quiet', `Show ${count(Math.min(CHILDREN, entries.length))} of ${count(entries.length)} more`, () => {
      holder.replaceChildren(...entries.slice(0, CHILDREN).map(([key, child]) => entry(key, child, place)));
      if (entries.length > CHILDREN) holder.append(rest(entries.slice(CHILDREN), place));
    }),
  );
  return holder;
}

/** @param {string} key @param {unknown} value @param {Place} place */
function entry(key, value, { path, depth, actions }) {
  const name = element('span', 'field', visible(key));
  const here = {
    path: /^\d+$/.test(key) && depth > 0 ? path : path === '' ? key : `${path}.${key}`,
    depth: depth + 1,
    actions,
  };
  if (value !== null && typeof value === 'object') return branch(name, /** @type {unknown[]} */ (value), here);
  if (isBlock(value)) return element('div', 'entry block', [name, stack(String(value))]);
  return element('div', 'entry', [name, leaf(value), narrower(here, value)]);
}

/** @param {HTMLElement} name @param {Record<string, unknown> | unknown[]} value @param {Place} place */
function branch(name, value, place) {
  const size = Object.keys(value).length;
  const shape = Array.isArray(value) ? `[${size}]` : size === 0 ? '{}' : '';
  if (size === 0) return element('div', 'entry', [name, element('span', 'faint', shape)]);
  const head = element('summary', '', [name, element('span', 'faint', shape)]);
  const node = element('details', 'entry branch', [head]);
  const fill = () => {
    if (node.childElementCount === 1) node.append(element('div', 'nested', children(value, place)));
  };
  node.addEventListener('toggle', fill);
  if (place.depth < OPEN_DEPTH && size <= 30) {
    fill();
    node.setAttribute('open', '');
  }
  return node;
}

/** @param {unknown} value */
function leaf(value) {
  if (typeof value !== 'string') return element('span', value === null ? 'null' : typeof value, String(value));
  return long(element('span', 'string'), value, (text) => [document.createTextNode(visible(text))]);
}

/** A text of several lines; frames that are not the application's own step back. @param {string} value */
function stack(value) {
  return long(element('pre', 'stack'), value, (text) =>
    text.split('\n').map((line) => {
      const foreign = /^\s+at .*(?:node:|node_modules|<anonymous>)/.test(line);
      const kind = foreign ? 'foreign' : /^\s+at /.test(line) ? 'frame' : 'headline';
      return element('span', kind, `${visible(line)}\n`);
    }),
  );
}

/** @param {HTMLElement} node @param {string} value @param {(text: string) => Node[]} render */
function long(node, value, render) {
  if (value.length <= TEXT) {
    node.append(...render(value));
    return node;
  }
  node.append(...render(value.slice(0, TEXT)));
  node.append(button('quiet', `Show all ${bytes(value.length)}`, () => node.replaceChildren(...render(value))));
  return node;
}

/** Two small buttons beside a value: only such records, or none of them. @param {Place} place @param {unknown} value */
function narrower({ path, actions }, value) {
  if (value === null || String(value).length > 200 || /[\s":]/.test(path)) return null;
  const only = term(path, String(value));
  const shown = visible(only);
  return element('span', 'narrow', [
    button('', '+', () => actions.narrow(only), { title: `Only ${shown}`, 'aria-label': `Only ${shown}` }),
    button('', '−', () => actions.narrow(`-${only}`), { title: `Without ${shown}`, 'aria-label': `Without ${shown}` }),
  ]);
}

/** @param {string} path @param {string} value */
function term(path, value) {
  const bare = /^[^\s"*<>\\]+$/.test(value) && !value.startsWith('//');
  return `${path}:${bare ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`}`;
}

/** @param {unknown} value */
function isBlock(value) {
  return typeof value === 'string' && value.includes('\n');
}

/** @param {unknown} value */
function json(value) {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part), 2);
}
