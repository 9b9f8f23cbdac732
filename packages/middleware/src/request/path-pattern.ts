// Patterns of paths: an exact path, or one with `*` for any characters. In: patterns and the target of a request.
// Out: whether one matches the path, its query left out. Invariant: a path is passed once, whatever a caller made it of; the
// expression of a pattern with several `*` would go through it anew for each.

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
  return (path) => exact[path.length]?.includes(path) === true || wild.some((matches) => matches(path));
}

/** The first part begins the path, each further one is the next there is, and the last ends it. */
function compiled(pattern: string): (path: string) => boolean {
  const parts = pattern.split('*');
  const first = parts.shift()!;
  const last = parts.pop()!;
  return (path) => {
    if (!path.startsWith(first)) return false;
    let at = first.length;
    for (const part of parts) {
      const found = path.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return path.length - last.length >= at && path.endsWith(last);
  };
}
