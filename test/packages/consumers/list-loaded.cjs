// Preloaded into each thread of a program: lists what the thread loads, in the file that LOADED_FILE names.
const { appendFileSync } = require('node:fs');
const { registerHooks } = require('node:module');
const { threadId } = require('node:worker_threads');

registerHooks({
  load(url, context, next) {
    appendFileSync(process.env.LOADED_FILE, `${threadId} ${url}\n`);
    return next(url, context);
  },
});
