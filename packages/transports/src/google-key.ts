// The words of Google's credentials: what a file of them is, what it becomes, what is needed for that.

import type { AuthorizeContext } from '@spillway/core';

/** A token, and until when it is good. */
export interface GoogleToken {
  readonly token: string;
  /** ms since the epoch. */
  readonly expiresAt: number;
  /** Project that pays for requests of people, who have none of their own. */
  readonly userProject?: string;
}

/** The members of a credentials file; which ones there are depends on `type`. */
export type GoogleKey = Readonly<Record<string, unknown>> & { readonly project_id?: string };

/** What a search may look at. */
export interface GoogleSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: number;
  readonly fetch: AuthorizeContext['fetch'];
}

/** What entries.write asks for, and nothing else. */
export const scope = 'https://www.googleapis.com/auth/logging.write';
/** The contents of a credentials file, as an object or as JSON; undefined for anything else. */
export function keyOf(value: unknown): GoogleKey | undefined {
  let key = value;
  if (typeof value === 'string') {
    try {
      key = JSON.parse(value);
    } catch {
      return undefined;
    }
  }
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return undefined;
  const { type, project_id: project } = key as Record<string, unknown>;
  if (typeof type !== 'string' || (project !== undefined && typeof project !== 'string')) return undefined;
  return key as GoogleKey;
}
