// The public API of @spillway/pino. The default export is for pino alone, which loads it by this package's name.

export * from './named.js';
export { default } from './worker-target.js';
