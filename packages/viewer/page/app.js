// The page: filter → first page → live tail → list. State lives here; what it looks like in the files it imports.
import { clearRecords, fetchRecords, openTail } from './api.js';
import { showBlank } from './blank.js';
import { addTerm, onFilter, readFilter, restoreFilter, writeFilter } from './controls.js';
import { byId } from './dom.js';
import { Feed } from './feed.js';
import { count, plural } from './format.js';
import { onKeys } from './keys.js';
import { List } from './list.js';
import { gapRow, row } from './row.js';
import { showConnection, showStats } from './status.js';

/** @typedef {import('./feed.js').Gap} Gap */

const viewport = byId('list');
const fresh = byId('fresh');
const live = byId('live');

const feed = new Feed();
const list = new List({
  viewport,
  render: (item, open) => (item.kind === 'gap' ? gapRow(item, actions) : row(item.record, open, actions)),
  nearEnd: () => void loadOlder(),
  scrolled: () => catchUp(),
});

/** @type {import('./row.js').Actions} */
const actions = {
  toggle: (id) => {
    list.toggle(id);
    catchUp();
  },
  narrow: (term) => {
    addTerm(term);
    void load();
  },
  fill: (gap) => void fill(gap),
};

let paused = false;
let filter = { query: '', level: '' };
/** Where the next older page begins. @type {number | null} */
let cursor = null;
/** The newest record when the list was fetched. */
let upTo = 0;
let kept = 0;
let searching = new AbortController();
let loadingOlder = false;
let closeTail = () => {};

/** Fetches the list anew for what the controls say, and follows it. */
async function load() {
  searching.abort();
  searching = new AbortController();
  const { signal } = searching;
  closeTail();
  filter = readFilter();
  viewport.setAttribute('aria-busy', 'true');
  try {
    const page = await fetchRecords(filter, { signal });
    loadingOlder = false;
    cursor = page.next;
    upTo = page.upTo;
    feed.reset(page.records, { complete: page.next === null });
    show({ keepPlace: false });
    announce();
    follow();
  } catch (error) {
    if (signal.aborted) return;
    showConnection(false, String(error));
    setTimeout(() => !signal.aborted && load(), 2000);
  } finally {
    if (!signal.aborted) viewport.setAttribute('aria-busy', 'false');
  }
}

function follow() {
  closeTail = openTail(filter, upTo, {
    connected: (yes) => showConnection(yes),
    hello: (newestId) => {
      // Lower than before: the viewer was restarted with an empty store.
      if (newestId < upTo) void load();
    },
    records: (records, skipped) => {
      upTo = Math.max(upTo, records.at(-1)?.id ?? 0);
      const hold = paused || !list.atTop || list.anyOpen;
      feed.arrive(records, skipped, { hold });
      if (hold) showHeld();
      else show({ keepPlace: false });
    },
    stats: (stats) => {
      kept = stats.records;
      showStats(stats);
      if (feed.items.length === 0) show({ keepPlace: true });
    },
  });
}

async function loadOlder() {
  if (loadingOlder || feed.complete || cursor === null) return;
  loadingOlder = true;
  const { signal } = searching;
  // After a trim the list ends earlier than the cursor.
  const before = feed.items.length > 0 ? Math.max(cursor, feed.oldestId) : cursor;
  try {
    const page = await fetchRecords(filter, { before, signal });
    cursor = page.next;
    feed.extend(page.records, { complete: page.next === null });
    loadingOlder = false;
    show({ keepPlace: true });
  } catch {
    // Tried again when the end comes into view again.
    if (!signal.aborted) setTimeout(() => (loadingOlder = false), 1000);
  }
}

/** @param {Gap} gap */
async function fill(gap) {
  const { signal } = searching;
  const page = await fetchRecords(filter, {
    after: Math.floor(gap.after),
    before: gap.before,
    limit: 1000,
    signal,
  }).catch(() => null);
  if (page === null || signal.aborted) return;
  feed.fill(gap, page.records, { complete: page.next === null });
  show({ keepPlace: true });
}

/** Shows what was held back, once the reader is at the top again and has nothing open. */
function catchUp() {
  if (feed.heldCount > 0 && !paused && list.atTop && !list.anyOpen) release();
}

function release() {
  if (feed.release()) show({ keepPlace: false });
  else void load();
}

/** @param {{ keepPlace: boolean }} mode */
function show(mode) {
  list.show(feed.items, mode);
  showBlank(feed.items.length > 0 ? 'none' : blankKind());
  showHeld();
}

function blankKind() {
  if (!feed.complete) return 'searching';
  return filter.query === '' && filter.level === '' && kept === 0 ? 'welcome' : 'unmatched';
}

function showHeld() {
  const waiting = feed.heldCount;
  fresh.hidden = waiting === 0;
  fresh.textContent = `↑ ${plural(waiting, 'new record', 'new records')}`;
  live.classList.toggle('paused', paused);
  live.setAttribute('aria-pressed', String(!paused));
  byId('liveText').textContent = paused ? (waiting > 0 ? `Paused · ${count(waiting)}` : 'Paused') : 'Live';
}

function announce() {
  const shown = feed.items.length;
  byId('announcer').textContent =
    shown === 0 ? 'No records' : `${plural(shown, 'record', 'records')}${feed.complete ? '' : ' and more'}`;
}

function togglePause() {
  paused = !paused;
  if (!paused && feed.heldCount > 0) {
    list.closeAll();
    release();
  } else showHeld();
}

function toTop() {
  list.closeAll();
  viewport.scrollTop = 0;
  if (feed.heldCount > 0) release();
}

onFilter(() => void load());
live.addEventListener('click', togglePause);
fresh.addEventListener('click', () => {
  paused = false;
  toTop();
});
byId('blank').addEventListener('clear', () => {
  writeFilter({ query: '', level: '' });
  void load();
});
byId('status').addEventListener('clear', () => void clearRecords().then(load));
onKeys({ list, viewport, togglePause, toTop });
restoreFilter();
void load();
