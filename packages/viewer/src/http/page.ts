// The page: a handful of static files, read once at start from the folder that ships beside the code.
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';

const names = [
  'api.js',
  'app.js',
  'bar.css',
  'blank.css',
  'blank.js',
  'controls.js',
  'detail.css',
  'detail.js',
  'dom.js',
  'feed.js',
  'format.js',
  'icon.svg',
  'keys.js',
  'list.css',
  'list.js',
  'row.js',
  'status.css',
  'status.js',
  'theme.css',
];

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The files of the page, ready to send. */
export type Page = ReadonlyMap<string, { readonly type: string; readonly bytes: Buffer }>;

/** Reads the files. The folder lies next to `src` and to `dist`, so the same relative path serves both. */
export function loadPage(): Page {
  return new Map(
    ['index.html', ...names].map((name) => {
      const bytes = readFileSync(new URL(`../page/${name}`, root()));
      return [name === 'index.html' ? '/' : `/${name}`, { type: types[name.split('.').at(-1)!]!, bytes }];
    }),
  );
}

// From the sources this file is src/http/page.ts; bundled it is dist/<chunk>.js.
function root(): URL {
  const here = new URL(import.meta.url);
  return here.pathname.endsWith('/src/http/page.ts') ? new URL('..', here) : here;
}

/** Sends a file of the page. */
export function sendFile(response: ServerResponse, file: { readonly type: string; readonly bytes: Buffer }): void {
  response.setHeader('Content-Type', file.type);
  response.end(file.bytes);
}
