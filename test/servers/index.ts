// The real servers of the integration tests. `await loki.start()` obtains, starts and waits; see README.md beside this file.

export { type LokiOptions, loki } from './loki.js';
export type { LokiEntry, LokiQuery } from './loki-query.js';
export { OBTAIN_TIMEOUT_MS, type RunningServer, type Server, type StartOptions } from './server.js';
export { type VictoriaLogsRow, victorialogs } from './victorialogs.js';
export { until, type WaitOptions } from './wait.js';
