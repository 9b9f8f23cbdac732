// Which versions of Node are supported: 20 from 20.18.1 on, and all from 22.2 on. Those between have no `crc32` in `node:zlib`.

const lines = [
  { from: [20, 18, 1], before: [21, 0, 0] },
  { from: [22, 2, 0], before: [Number.POSITIVE_INFINITY, 0, 0] },
] as const;

/** Whether a version such as '22.3.0' is supported. */
export function supportedNode(version: string): boolean {
  const parts = version.split('.').map(Number);
  return lines.some(({ from, before }) => reaches(parts, from) && !reaches(parts, before));
}

function reaches(version: readonly number[], least: readonly number[]): boolean {
  for (const [i, minimum] of least.entries()) {
    const part = version[i] ?? 0;
    if (part !== minimum) return part > minimum;
  }
  return true;
}
