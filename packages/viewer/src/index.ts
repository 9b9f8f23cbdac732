// The public API of @spillway/viewer.
export { ViewerError, type ViewerErrorCode } from './errors.js';
export type { ViewerOptions } from './options.js';
export type { ViewerStats } from './stats.js';
export type { LevelCounts } from './store/model.js';
export { type Viewer, viewer } from './viewer.js';
