// What `require` gives, and so what pino loads in its worker: `dist/index.cjs`, by a way that Node does not follow.
// Node searches a CommonJS module that is imported for the names of its exports, and all that it passes on with
// `module.exports = require(…)`. Nobody asks for names here, and the search takes 40 ms of CPU at each start.
Object.defineProperty(module, 'exports', { value: require('./dist/index.cjs') });
