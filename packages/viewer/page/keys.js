// The keyboard: / search, P pause, arrows or J and K move, Enter opens, Escape closes, Home goes to the newest.
import { byId } from './dom.js';

/**
 * @typedef {object} Targets
 * @property {import('./list.js').List} list
 * @property {HTMLElement} viewport
 * @property {() => void} togglePause
 * @property {() => void} toTop
 */

/** @type {Record<string, number>} Rows to move by. */
const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 20, PageUp: -20 };

/** @param {Targets} targets */
export function onKeys({ list, viewport, togglePause, toTop }) {
  const query = /** @type {HTMLInputElement} */ (byId('query'));
  query.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      list.focusFirst();
    } else if (event.key === 'Escape' && query.value === '') query.blur();
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
    if (event.key === '/') query.focus();
    else if (event.key === 'p' || event.key === 'P') togglePause();
    else if (event.key === 'Escape') list.closeAll();
    else if (event.key === 'Home') toTop();
    else if (!inRow(event)) return;
    event.preventDefault();
  });

  /** Keys that act on the focused row; true when this was one. @param {KeyboardEvent} event */
  function inRow(event) {
    const focused = document.activeElement;
    const step = steps[event.key];
    if (step !== undefined && (focused === document.body || focused === viewport)) {
      list.focusFirst();
      return true;
    }
    if (!(focused instanceof HTMLElement) || !focused.matches('.line, .gap button')) return false;
    const holder = focused.closest('[data-id]');
    const id = holder instanceof HTMLElement ? Number(holder.dataset.id) : 0;
    if (step !== undefined) list.step(id, step);
    else if (focused.matches('.line') && isToggle(event.key, focused.getAttribute('aria-expanded') === 'true'))
      focused.click();
    else return false;
    return true;
  }
}

/** @param {string} key @param {boolean} open */
function isToggle(key, open) {
  return key === 'Enter' || key === ' ' || (key === 'ArrowRight' && !open) || (key === 'ArrowLeft' && open);
}
