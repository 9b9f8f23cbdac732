// Every bound of the viewer in one place. They protect a developer's machine from a runaway producer or a hostile page,
// so they are far above what a well-behaved client sends, and independent of the options.
const KIB = 1024;
const MIB = 1024 * KIB;

export const limits = {
  /** Body as it arrives on the wire. Loki's own default is 100 MiB; our transports stay under 8 MiB. */
  bodyBytes: 16 * MIB,
  /** Body once decompressed: stops zip bombs. */
  decodedBytes: 64 * MIB,
  /** Bodies being read plus bodies waiting for the store; beyond it the answer is 429. Holds at least one largest body. */
  pendingBytes: 96 * MIB,
  /** One record. Loki's default is 256 KiB. */
  lineBytes: MIB,
  recordsPerRequest: 500_000,
  /** Commas and brackets of a JSON body that must be parsed as a whole: bounds the objects it can make. */
  jsonParts: 4_000_000,
  /** Nesting of a JSON record; a deeper one is kept as text. */
  depth: 64,
  /** Characters of a record's values that full-text search sees. */
  indexedChars: 32 * KIB,
  streamsPerRequest: 10_000,
  labels: 64,
  labelNameBytes: KIB,
  labelValueBytes: 16 * KIB,
  /** Structured metadata of one record. Loki's default is 128 pairs and 64 KiB. */
  metadataPairs: 256,
  metadataBytes: 64 * KIB,
  idempotencyKeyChars: 256,
  /** Batches whose keys are remembered, oldest forgotten first. */
  rememberedBatches: 10_000,
  queryChars: 1000,
  queryTerms: 32,
  pageRecords: 1000,
  /** Bytes of records in one answer or one tail event; the rest comes with the next cursor. */
  pageBytes: 8 * MIB,
  /** Longest a single search may scan before it hands back a cursor. */
  searchMs: 3000,
  waitingSearches: 64,
  tailClients: 32,
  tailRecords: 500,
  tailBytes: MIB,
} as const;

export { MIB };
