// What `require` gives, and so what pino loads in its worker: each thing when it is asked for. The worker asks for the default
// alone, and gets it without the rest: its thread loads one transport, and nothing of the stream for the application's own.
// Node searches a CommonJS module that is imported for the names of its exports, and all that it passes on with
// `module.exports = require(…)`. Nobody asks for names here, and the search takes 40 ms of CPU at each start.

const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

/** By an address that no bundler follows: in a bundle there is no worker of pino's that asks for it. */
const target = pathToFileURL(join(__dirname, 'dist', 'worker-target.js')).href;

const exported = {
  __esModule: true,
  default: async (options) => (await import(target)).default(options),
};
for (const name of ['closeOnSignal', 'flush', 'spillway', 'stats']) {
  Object.defineProperty(exported, name, { enumerable: true, get: () => require('./dist/index.cjs')[name] });
}
Object.defineProperty(module, 'exports', { value: exported });
