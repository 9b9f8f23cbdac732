// Which versions of Node are supported.

const least = [20, 18, 1] as const;

/** Whether a version such as '22.3.0' is supported. */
export function supportedNode(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, minimum] of least.entries()) {
    const part = parts[i] ?? 0;
    if (part !== minimum) return part > minimum;
  }
  return true;
}
