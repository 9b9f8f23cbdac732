// One row of the list: level, time, source, message and a preview of the fields; opened, the details below it.
import { detail } from './detail.js';
import { button, element } from './dom.js';
import { clock, count, day, levelName, message, oneLine, preview, source } from './format.js';

/** @typedef {import('./format.js').LogRecord} LogRecord */
/** @typedef {import('./feed.js').Gap} Gap */
/** @typedef {{ toggle: (id: number) => void, narrow: (term: string) => void, fill: (gap: Gap) => void }} Actions */

/**
 * @param {LogRecord} record
 * @param {boolean} open
 * @param {Actions} actions
 */
export function row(record, open, actions) {
  const name = levelName(record.level);
  const text = oneLine(message(record));
  const line = element('div', 'line', summary(record, name, text), {
    role: 'button',
    tabindex: '0',
    'aria-expanded': String(open),
    'aria-label': `${name === 'none' ? '' : `${name}, `}${clock(record.time)}, ${text}`,
  });
  line.addEventListener('click', () => {
    // Text in the row can be selected; that is no click.
    if (String(document.getSelection()) === '') actions.toggle(record.id);
  });
  return element('article', `record ${name}${open ? ' open' : ''}`, [line, open ? detail(record, actions) : null]);
}

/** @param {LogRecord} record @param {string} name @param {string} text */
function summary(record, name, text) {
  const from = source(record);
  return [
    element('span', 'chevron', '', { 'aria-hidden': 'true' }),
    element('time', 'time', clock(record.time), {
      datetime: new Date(record.time).toISOString(),
      title: day(record.time),
    }),
    element('span', 'level', name === 'none' ? '–' : name),
    element('span', 'source', oneLine(from, 60), { title: oneLine(from, 200) }),
    element('span', 'text', [
      element('span', 'message', text),
      ...preview(record).map(([key, value]) =>
        element('span', key === '' ? 'pair exchange' : 'pair', [
          key === '' ? null : element('span', 'key', key),
          element('span', 'value', value),
        ]),
      ),
    ]),
  ];
}

/** @param {Gap} gap @param {Actions} actions */
export function gapRow(gap, actions) {
  return element('article', 'gap', [
    element('span', 'note', `${count(gap.count)} more arrived here than the live tail shows`),
    button('quiet', 'Show', (node) => {
      node.setAttribute('disabled', '');
      actions.fill(gap);
    }),
  ]);
}
