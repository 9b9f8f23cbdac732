// What stands where the list would be: how to send the first record, or that nothing matches.
import { button, byId, copyButton, element } from './dom.js';

/** @typedef {'none' | 'searching' | 'welcome' | 'unmatched'} Kind */

const holder = byId('blank');
/** @type {Kind} */
let shown = 'none';

/** @param {Kind} kind */
export function showBlank(kind) {
  if (kind === shown) return;
  shown = kind;
  holder.hidden = kind === 'none';
  holder.className = `blank ${kind}`;
  holder.replaceChildren(...content(kind));
}

/** @param {Kind} kind @returns {HTMLElement[]} */
function content(kind) {
  if (kind === 'welcome') return welcome();
  if (kind === 'searching') return [element('p', 'faint', 'Searching…')];
  if (kind === 'none') return [];
  return [
    element('h2', '', 'No records match'),
    element('p', 'faint', 'New ones appear here as they arrive.'),
    button('primary', 'Clear the filter', () => holder.dispatchEvent(new CustomEvent('clear'))),
  ];
}

function welcome() {
  const { origin } = location;
  return [
    element('img', '', '', { src: '/icon.svg', alt: '', width: '56', height: '56' }),
    element('h2', '', 'Waiting for the first record'),
    element('p', 'faint', 'Send logs here and they appear at once. Nothing leaves this machine.'),
    snippet(
      'With pino',
      `import pino from 'pino';

const log = pino(
  pino.transport({
    target: '@spillway/pino',
    options: { to: ['loki', { url: '${origin}', labels: { service_name: 'shop' } }] },
  }),
);

log.info('hello');`,
    ),
    snippet('With anything that speaks Loki push', `${origin}/loki/api/v1/push`),
    snippet(
      'With curl',
      `curl ${origin}/ingest -H 'Content-Type: application/x-ndjson' \\
  -d '{"level":30,"msg":"hello"}'`,
    ),
  ];
}

/** @param {string} title @param {string} code */
function snippet(title, code) {
  return element('figure', 'snippet', [
    element('figcaption', '', [element('span', '', title), copyButton('Copy', () => code)]),
    element('pre', '', code),
  ]);
}
