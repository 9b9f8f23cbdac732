// The public API of @spillway/transports, one screen.

export { type LokiOptions, loki, lokiOptions } from './loki.js';
