// How large the pieces are in which zlib gives out what it compresses, for whoever compresses logs.
// Each piece is a trip to another thread, and what the last one leaves empty is memory for nothing.

/** Logs shrink to less than a quarter: one piece holds most of the result, or all. */
export function pieceBytes(sourceBytes: number): number {
  return Math.min(Math.max(sourceBytes >> 2, 16_384), 131_072);
}
