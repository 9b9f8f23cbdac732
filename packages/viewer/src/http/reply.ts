// Answers: the headers that every one carries, and the few shapes that bodies have.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { limits } from '../limits.js';

/**
 * Only this origin's own files may run, style, be shown or be called; nothing may frame the page. Log content can then do
 * nothing even if it reached the document as markup, which `require-trusted-types-for` keeps it from doing.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const common: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentSecurityPolicy,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Sets the headers that every answer carries. */
export function secure(response: ServerResponse): void {
  for (const [name, value] of Object.entries(common)) response.setHeader(name, value);
}

/** Answers with plain text. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  if (status === 204) {
    response.end();
    return;
  }
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${text}\n`);
}

/** Answers with JSON, given as a value or as bytes that are JSON. */
export function sendJson(response: ServerResponse, value: unknown): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(value instanceof Uint8Array ? value : `${JSON.stringify(value)}\n`);
}

/**
 * Reads the rest of a refused body, so that the sender sees the answer instead of a reset; a sender that goes on for more
 * than the largest legal body is cut off.
 */
export function drain(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let left: number = limits.bodyBytes;
  request.on('error', () => {});
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
}
