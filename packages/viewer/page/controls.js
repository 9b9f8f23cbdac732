// The search field and the levels: what they say, kept in the address so that a reload or a bookmark shows the same.
import { byId } from './dom.js';

const query = /** @type {HTMLInputElement} */ (byId('query'));
const levels = byId('levels');

/** How long typing must rest before it is searched for, in milliseconds. */
const REST_MS = 180;

/** The filter as the controls stand. @returns {import('./api.js').Filter} */
export function readFilter() {
  const checked = levels.querySelector('input:checked');
  const filter = { query: query.value.trim(), level: checked instanceof HTMLInputElement ? checked.value : '' };
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(filter)) {
    if (value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(null, '', url);
  return filter;
}

/** Sets the controls. @param {import('./api.js').Filter} filter */
export function writeFilter(filter) {
  query.value = filter.query;
  for (const input of levels.querySelectorAll('input')) input.checked = input.value === filter.level;
}

/** Sets the controls to what the address says. */
export function restoreFilter() {
  const { searchParams } = new URL(location.href);
  writeFilter({ query: searchParams.get('query') ?? '', level: searchParams.get('level') ?? '' });
}

/** Adds a term to the query. @param {string} term */
export function addTerm(term) {
  query.value = `${query.value.trim()} ${term}`.trim();
}

/** Calls back when a person has changed the filter. @param {() => void} changed */
export function onFilter(changed) {
  let typing = 0;
  query.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(changed, REST_MS);
  });
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(typing);
    changed();
  });
  levels.addEventListener('change', changed);
}
