// Patterns of paths: an exact path, or one with `*` for any characters. In: patterns and the target of a request.
// Out: whether one matches the path, its query left out.

/** The path of a request's target. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** Compiles patterns. */
export function pathPatterns(patterns: readonly string[]): (path: string) => boolean {
  // By their length, which most paths do not share: to look a path up in a set, all of its letters are hashed first.
  const exact: string[][] = [];
  for (const pattern of patterns.filter((pattern) => !pattern.includes('*'))) {
    exact[pattern.length] = [...(exact[pattern.length] ?? []), pattern];
  }
  const wild = patterns.filter((pattern) => pattern.includes('*')).map(compiled);
  return (path) => exact[path.length]?.includes(path) === true || wild.some((pattern) => pattern.test(path));
}

function compiled(pattern: string): RegExp {
  const parts = pattern.split(/\*+/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
