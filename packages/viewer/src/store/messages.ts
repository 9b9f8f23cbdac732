// The messages between the HTTP side and the store's thread. Every request has an id and gets exactly one reply.
import type { Found, Push, PushResult, Search, StoreStats } from './model.js';

export type Request =
  | { readonly kind: 'push'; readonly id: number; readonly push: Push }
  | { readonly kind: 'search'; readonly id: number; readonly search: Search }
  /** Gives up a search; its reply may have been sent already. */
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'clear'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number };

export type Reply =
  | { readonly kind: 'ready'; readonly stats: StoreStats; readonly setAside: boolean }
  /** The store could not be opened. */
  | { readonly kind: 'broken'; readonly message: string }
  | { readonly kind: 'pushed'; readonly results: readonly Pushed[]; readonly stats: StoreStats }
  | { readonly kind: 'found'; readonly id: number; readonly found: Found }
  | { readonly kind: 'cleared'; readonly id: number; readonly stats: StoreStats }
  | { readonly kind: 'closed'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

export interface Pushed {
  readonly id: number;
  readonly result: PushResult;
}
