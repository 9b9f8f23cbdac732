// Several pipelines behind one door: each line goes to the pipeline of the first route that it matches, by its kind and level.
// In: chunks of lines, cut anywhere. Out: the same lines, in runs, to the pipelines; a count of those that no route takes.
// Invariants: a line goes whole, to each of its pipelines at most once, and in the order of lines; what one pipeline does about
// its destination is no concern of the others, but that `whenFull: 'block'` of one holds back whoever writes; nothing is kept
// here but the beginning of a line whose end has not come.

import { Door } from './door.js';
import type { Tally } from './ledger.js';
import { LineColumns } from './lines/columns.js';
import { COMMON_KEYS, GeneralReader } from './lines/general.js';
import { KIND, kindOf } from './lines/kind.js';
import { LineFeed, type LineSink } from './lines/line-feed.js';
import { lowerCased } from './options/stages.js';
import type { FlushReport, Pipeline } from './pipeline.js';
import type { Stats } from './stats.js';
import { noStats, sumOfStats } from './stats-sum.js';

/** Which lines a route takes: those that match all that is said here. */
export interface RouteMatch {
  /** The value of the line's field `kind`. */
  readonly kind?: string | undefined;
  /** The least level. A line without one counts as info. */
  readonly level?: number | undefined;
  /** Whether what it takes also goes on to the routes behind it. */
  readonly continue?: boolean | undefined;
}

/** A route and where it leads. */
export interface Route {
  readonly match: RouteMatch;
  readonly pipeline: Pipeline;
}

/** Where the level is in a line. */
export interface RouterKeys {
  readonly level?: readonly string[] | undefined;
  readonly levels?: Readonly<Record<string, number>> | undefined;
}

/** Most routes of a router. */
export const MAX_ROUTES = 16;

const NEWLINE = 0x0a;
/** What a line without a level counts as, and text that is no JSON, as in the pipelines. */
const INFO = 30;

/** Routes lines to pipelines. */
export class Router implements LineSink {
  private readonly routes: readonly Route[];
  private readonly pipelines: readonly Pipeline[];
  private readonly hasKinds: boolean;
  private readonly columns = new LineColumns();
  private readonly levels: Record<string, number>;
  private readonly reader: GeneralReader;
  private readonly door: Door;
  private readonly unrouted: Tally = { records: 0, bytes: 0 };
  /** The routes of a line without a kind, a bit each, by its level. */
  private readonly byLevel = new Map<number, number>();
  private room = true;

  constructor(routes: readonly Route[], { level = COMMON_KEYS.level, levels = {} }: RouterKeys = {}) {
    this.routes = routes;
    this.levels = lowerCased(levels);
    this.reader = new GeneralReader({ level, time: [], levels: this.levels, kind: 'kind' });
    this.pipelines = routes.map(({ pipeline }) => pipeline);
    this.hasKinds = routes.some(({ match }) => match.kind !== undefined);
    const longest = Math.max(...this.pipelines.map(({ maxRecordBytes }) => maxRecordBytes));
    // It is never shut: what comes too late, each pipeline counts for itself.
    this.door = new Door({ feed: new LineFeed(this, longest), taken: () => {}, late: () => {} });
  }

  /** As {@link Pipeline.write}. */
  write(chunk: string | Uint8Array): boolean {
    this.room = true;
    return this.door.write(chunk) ? this.room : true;
  }

  lines(staging: Buffer, end: number): void {
    const bytes = staging.subarray(0, end);
    let kindAt = this.hasKinds ? nextKind(bytes, 0) : end;
    for (let at = 0; at < end; ) {
      at = this.columns.scan(bytes, at, end, Number.POSITIVE_INFINITY);
      kindAt = this.scanned(bytes, kindAt);
      if (at === end || this.columns.full) continue;
      const next = bytes.indexOf(NEWLINE, at) + 1;
      this.hand(bytes, at, next, this.read(bytes, at, next), 1);
      if (kindAt < next) kindAt = nextKind(bytes, next);
      at = next;
    }
  }

  /** Of a line that is too long for every pipeline only the size is left: the last one counts it. */
  oversize(bytes: number): void {
    this.pipelines.at(-1)!.oversize(bytes);
  }

  /** As {@link Pipeline.ready}, of all. */
  async ready(): Promise<void> {
    await Promise.all(this.pipelines.map((each) => each.ready()));
  }

  /** As {@link Pipeline.addLevels}. */
  addLevels(levels: Readonly<Record<string, number>>): void {
    Object.assign(this.levels, { ...lowerCased(levels), ...this.levels });
    for (const each of this.pipelines) each.addLevels(levels);
  }

  /** Resolves when {@link write} may be called again after it returned false. */
  async drained(): Promise<void> {
    await Promise.all(this.pipelines.map((each) => each.drained()));
  }

  /** As {@link Pipeline.flush}, of all at the same time. */
  async flush(options: { timeoutMs?: number } = {}): Promise<FlushReport> {
    this.door.end();
    return this.together(await Promise.all(this.pipelines.map((each) => each.flush(options))));
  }

  /** As {@link Pipeline.close}, of all at the same time. */
  async close(options: { deadlineMs?: number } = {}): Promise<FlushReport> {
    this.door.end();
    return this.together(await Promise.all(this.pipelines.map((each) => each.close(options))));
  }

  /** As {@link Pipeline.spillSync}; the routes have their turn in their order. */
  spillSync(): void {
    this.door.end();
    for (const each of this.pipelines) each.spillSync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether no record is in memory. */
  get idle(): boolean {
    return this.pipelines.every(({ idle }) => idle);
  }

  /** What happened so far: the sum, and each pipeline for itself. */
  stats(): Stats {
    const routes = this.pipelines.map((each) => each.stats());
    const states = ['closed', 'half-open', 'held', 'open'] as const;
    const lastError = routes.findLast((each) => each.lastError !== undefined)?.lastError;
    const { spool: _, ...sum } = routes.reduce(sumOfStats, noStats(routerName(routes)));
    return {
      ...sum,
      ...routerName(routes),
      breaker: states.findLast((state) => routes.some(({ breaker }) => breaker === state))!,
      ...(lastError !== undefined && { lastError }),
      routes,
      unrouted: { ...this.unrouted },
    };
  }

  private together(reports: readonly FlushReport[]): FlushReport {
    return { settled: reports.every(({ settled }) => settled), stats: this.stats() };
  }

  /** Hands on the lines that were scanned, in runs with the same routes. Returns where the next kind is. */
  private scanned(bytes: Buffer, kindAt: number): number {
    const { count, offsets, levels } = this.columns;
    let first = 0;
    let routes = 0;
    for (let line = 0; line < count; line++) {
      let own: number;
      const [start, next] = [offsets[line]!, offsets[line + 1]!];
      if (kindAt < next) {
        const kind = kindOf(bytes, start, kindAt);
        kindAt = nextKind(bytes, kindAt + KIND.length);
        const plain = kind !== undefined && kindAt >= next;
        own = plain ? this.matching(kind, levels[line]!) : this.read(bytes, start, next);
        if (kindAt < next) kindAt = nextKind(bytes, next);
      } else own = this.ofLevel(levels[line]!);
      if (own !== routes && line > first) {
        this.hand(bytes, offsets[first]!, offsets[line]!, routes, line - first);
        first = line;
      }
      routes = own;
    }
    if (count > first) this.hand(bytes, offsets[first]!, offsets[count]!, routes, count - first);
    return kindAt;
  }

  /** The routes of one line, read with care. */
  private read(bytes: Buffer, start: number, end: number): number {
    const { reader } = this;
    if (!reader.read(bytes, start, end - 1)) return this.ofLevel(INFO);
    return reader.kind === '' ? this.ofLevel(reader.level) : this.matching(reader.kind, reader.level);
  }

  private ofLevel(level: number): number {
    let routes = this.byLevel.get(level);
    if (routes === undefined) {
      routes = this.matching(undefined, level);
      this.byLevel.set(level, routes);
    }
    return routes;
  }

  /** The routes that take a line, a bit each. */
  private matching(kind: string | undefined, level: number): number {
    let routes = 0;
    for (let at = 0; at < this.routes.length; at++) {
      const { match } = this.routes[at]!;
      if (match.kind !== undefined && match.kind !== kind) continue;
      if (match.level !== undefined && (level || INFO) < match.level) continue;
      routes |= 1 << at;
      if (match.continue !== true) break;
    }
    return routes;
  }

  private hand(bytes: Buffer, start: number, end: number, routes: number, records: number): void {
    if (routes === 0) {
      this.unrouted.records += records;
      this.unrouted.bytes += end - start;
      return;
    }
    const lines = bytes.subarray(start, end);
    for (let at = 0; at < this.pipelines.length; at++) {
      if ((routes & (1 << at)) !== 0 && !this.pipelines[at]!.write(lines)) this.room = false;
    }
  }
}

/** What a router is called where a pipeline is named. */
export function routerName(parts: readonly Pick<Stats, 'transport' | 'destination'>[]) {
  const destination = parts.map((each) => `${each.transport} (${each.destination})`).join(', ');
  return { transport: 'router', destination };
}

function nextKind(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(KIND, from);
  return at < 0 ? bytes.length : at;
}
