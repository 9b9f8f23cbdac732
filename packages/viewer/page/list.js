// The virtual list: only rows near the window are in the document. Rows have one height, expanded ones more; the extra
// heights are measured and kept by id, so positions are a multiplication plus the few extras above.

/** @typedef {import('./feed.js').Item} Item */

const ROW_HEIGHT = 30;
const OVERSCAN = 12;

/**
 * @typedef {object} ListOptions
 * @property {HTMLElement} viewport The element that scrolls.
 * @property {(item: Item, open: boolean) => HTMLElement} render
 * @property {() => void} nearEnd Called when the last rows come into view.
 * @property {() => void} scrolled
 */

export class List {
  /** @type {Item[]} */
  #items = [];
  /** @type {Map<number, { node: HTMLElement, item: Item }>} */
  #nodes = new Map();
  /** @type {Map<number, number>} Extra height of open items, by id. */
  #open = new Map();
  /** @type {number} */
  #frame = 0;
  #options;
  #canvas = document.createElement('div');
  #observer = new ResizeObserver((entries) => this.#measure(entries));

  /** @param {ListOptions} options */
  constructor(options) {
    this.#options = options;
    this.#canvas.className = 'canvas';
    this.#canvas.setAttribute('role', 'presentation');
    options.viewport.append(this.#canvas);
    options.viewport.addEventListener('scroll', () => {
      options.scrolled();
      this.#schedule();
    });
    new ResizeObserver(() => this.#schedule()).observe(options.viewport);
  }

  get atTop() {
    return this.#options.viewport.scrollTop < ROW_HEIGHT / 2;
  }

  get anyOpen() {
    return this.#open.size > 0;
  }

  /** @param {Item[]} items @param {{ keepPlace: boolean }} mode keepPlace: rows in view stay where they are. */
  show(items, { keepPlace }) {
    const { viewport } = this.#options;
    const anchor = keepPlace && viewport.scrollTop > 0 ? this.#items[this.#indexAt(viewport.scrollTop)] : undefined;
    const offset = anchor ? viewport.scrollTop - this.#topOf(this.#items.indexOf(anchor)) : 0;
    this.#items = items;
    if (this.#open.size > 0) {
      const ids = new Set(items.map((item) => item.id));
      for (const id of this.#open.keys()) if (!ids.has(id)) this.#open.delete(id);
    }
    this.#resize();
    if (!keepPlace) viewport.scrollTop = 0;
    else if (anchor) {
      const index = items.indexOf(anchor);
      if (index !== -1) viewport.scrollTop = this.#topOf(index) + offset;
    }
    this.#draw();
  }

  /** @param {number} id */
  toggle(id) {
    if (!this.#open.delete(id)) this.#open.set(id, 0);
    const shown = this.#nodes.get(id);
    if (shown) this.#remove(id, shown.node);
    this.#resize();
    this.#draw();
    this.focus(id);
  }

  closeAll() {
    for (const id of [...this.#open.keys()]) this.toggle(id);
  }

  /** Moves the focus by rows, scrolling as needed. @param {number} id @param {number} by */
  step(id, by) {
    const index = this.#items.findIndex((item) => item.id === id);
    const next = Math.max(0, Math.min(this.#items.length - 1, index + by));
    const item = this.#items[next];
    if (item === undefined) return;
    const { viewport } = this.#options;
    const top = this.#topOf(next);
    if (top < viewport.scrollTop) viewport.scrollTop = top;
    else if (top + ROW_HEIGHT > viewport.scrollTop + viewport.clientHeight) {
      viewport.scrollTop = top + ROW_HEIGHT - viewport.clientHeight;
    }
    this.#draw();
    this.focus(item.id);
  }

  /** @param {number} id */
  focus(id) {
    const row = this.#nodes.get(id)?.node.querySelector('[tabindex], button');
    if (row instanceof HTMLElement) row.focus({ preventScroll: true });
  }

  /** Focuses the first row in view. */
  focusFirst() {
    const item = this.#items[this.#indexAt(this.#options.viewport.scrollTop + ROW_HEIGHT - 1)];
    if (item) this.focus(item.id);
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { viewport, render, nearEnd } = this.#options;
    const first = Math.max(0, this.#indexAt(viewport.scrollTop) - OVERSCAN);
    const last = Math.min(this.#items.length, this.#indexAt(viewport.scrollTop + viewport.clientHeight) + OVERSCAN);
    const wanted = new Map(this.#items.slice(first, last).map((item, i) => [item.id, first + i]));
    for (const [id, { node, item }] of this.#nodes) {
      const index = wanted.get(id);
      // A focused row outside the window stays, or the keyboard would lose its place.
      if (index === undefined ? !node.contains(document.activeElement) : this.#items[index] !== item)
        this.#remove(id, node);
    }
    /** @type {HTMLElement | null} */
    let previous = null;
    for (const [id, index] of wanted) {
      const item = /** @type {Item} */ (this.#items[index]);
      /** @type {HTMLElement} */
      const node = this.#nodes.get(id)?.node ?? this.#add(item, render(item, this.#open.has(id)), previous);
      node.style.transform = `translateY(${this.#topOf(index)}px)`;
      node.setAttribute('aria-posinset', String(index + 1));
      node.setAttribute('aria-setsize', '-1');
      previous = node;
    }
    if (last >= this.#items.length - OVERSCAN) nearEnd();
  }

  /**
   * Rows stand in the document in the order in which they are seen, for whoever reads it by other means.
   * @param {Item} item @param {HTMLElement} node @param {HTMLElement | null} previous
   */
  #add(item, node, previous) {
    node.dataset.id = String(item.id);
    this.#nodes.set(item.id, { node, item });
    if (previous === null) this.#canvas.prepend(node);
    else previous.after(node);
    if (this.#open.has(item.id)) this.#observer.observe(node);
    return node;
  }

  /** @param {number} id @param {HTMLElement} node */
  #remove(id, node) {
    this.#observer.unobserve(node);
    node.remove();
    this.#nodes.delete(id);
  }

  /** @param {ResizeObserverEntry[]} entries */
  #measure(entries) {
    let changed = false;
    for (const { target } of entries) {
      if (!(target instanceof HTMLElement) || !target.isConnected) continue;
      const id = Number(target.dataset.id);
      const extra = Math.max(0, target.offsetHeight - ROW_HEIGHT);
      if (!this.#open.has(id) || this.#open.get(id) === extra) continue;
      this.#open.set(id, extra);
      changed = true;
    }
    if (!changed) return;
    this.#resize();
    this.#draw();
  }

  #resize() {
    let height = this.#items.length * ROW_HEIGHT;
    for (const extra of this.#open.values()) height += extra;
    this.#canvas.style.height = `${height}px`;
  }

  /** Indexes of open items with their extra heights, in order. @returns {[number, number][]} */
  #extras() {
    if (this.#open.size === 0) return [];
    return [...this.#open]
      .map(([id, extra]) => /** @type {[number, number]} */ ([this.#find(id), extra]))
      .filter(([index]) => index !== -1)
      .sort(([a], [b]) => a - b);
  }

  /** Ids fall from first to last, so an item is found by halving. @param {number} id */
  #find(id) {
    let [low, high] = [0, this.#items.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const at = /** @type {Item} */ (this.#items[middle]).id;
      if (at === id) return middle;
      if (at > id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** @param {number} index */
  #topOf(index) {
    let top = index * ROW_HEIGHT;
    for (const [open, extra] of this.#extras()) if (open < index) top += extra;
    return top;
  }

  /** @param {number} y */
  #indexAt(y) {
    let above = 0;
    for (const [open, extra] of this.#extras()) {
      if ((open + 1) * ROW_HEIGHT + above > y) break;
      if ((open + 1) * ROW_HEIGHT + above + extra > y) return open;
      above += extra;
    }
    return Math.max(0, Math.floor((y - above) / ROW_HEIGHT));
  }
}
