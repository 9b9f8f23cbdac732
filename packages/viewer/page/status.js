// The line at the bottom: connection, what is kept, how fast it comes, and how much of it is trouble.
import { button, byId, element } from './dom.js';
import { ago, bytes, count, plural } from './format.js';

const SAMPLES = 60;
const WIDTH = 120;
const HEIGHT = 18;

const connection = element('span', 'connection', 'Connecting');
const kept = element('span', 'kept');
const troubles = element('span', 'troubles');
const rate = element('span', 'rate');
/** Emptying asks twice: the second click within a few seconds does it. */
const clear = button('quiet', 'Clear', (node) => {
  if (node.classList.contains('sure')) byId('status').dispatchEvent(new CustomEvent('clear'));
  else setTimeout(() => settle(node), 3000);
  node.classList.toggle('sure');
  node.textContent = node.classList.contains('sure') ? 'Remove all records?' : 'Clear';
});
const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
const area = document.createElementNS('http://www.w3.org/2000/svg', 'path');
const curve = document.createElementNS('http://www.w3.org/2000/svg', 'path');
/** @type {number[]} Rates of the last minute. */
const rates = [];

svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
svg.setAttribute('class', 'spark');
svg.setAttribute('aria-hidden', 'true');
area.setAttribute('class', 'area');
curve.setAttribute('class', 'curve');
svg.append(area, curve);
byId('status').append(connection, kept, clear, element('span', 'spring'), troubles, svg, rate);

/** @param {HTMLElement} node */
function settle(node) {
  node.classList.remove('sure');
  node.textContent = 'Clear';
}

/** @param {boolean} connected @param {string} [reason] */
export function showConnection(connected, reason = '') {
  connection.textContent = connected ? 'Connected' : 'Reconnecting…';
  connection.title = reason;
  connection.classList.toggle('lost', !connected);
}

/** @param {import('./api.js').Stats} stats */
export function showStats(stats) {
  const { records, diskBytes, maxBytes, maxRecords, oldest, levels, ratePerSecond } = stats;
  const age = oldest === null ? '' : `, oldest ${ago(oldest, Date.now())}`;
  kept.textContent = `${plural(records, 'record', 'records')}${age}`;
  kept.title = `${bytes(diskBytes)} of ${bytes(maxBytes)}; at most ${count(maxRecords)} records, the oldest go first`;
  troubles.replaceChildren(
    ...[
      trouble('fatal', levels.fatal ?? 0, 'fatal', 'fatal'),
      trouble('error', levels.error ?? 0, 'error', 'errors'),
      trouble('warn', levels.warn ?? 0, 'warning', 'warnings'),
    ].filter((node) => node !== null),
  );
  rate.textContent = `${count(ratePerSecond)}/s`;
  rates.push(ratePerSecond);
  if (rates.length > SAMPLES) rates.shift();
  draw();
}

/** @param {string} level @param {number} value @param {string} one @param {string} many */
function trouble(level, value, one, many) {
  return value === 0 ? null : element('span', `trouble ${level}`, plural(value, one, many));
}

function draw() {
  if (rates.length < 2) return;
  const top = Math.max(...rates, 1);
  const step = WIDTH / (SAMPLES - 1);
  const left = WIDTH - (rates.length - 1) * step;
  const points = rates.map((value, i) => {
    const y = HEIGHT - 2 - (value / top) * (HEIGHT - 4);
    return `${(left + i * step).toFixed(1)},${y.toFixed(1)}`;
  });
  curve.setAttribute('d', `M${points.join(' L')}`);
  area.setAttribute('d', `M${left.toFixed(1)},${HEIGHT} L${points.join(' L')} L${WIDTH},${HEIGHT} Z`);
}
