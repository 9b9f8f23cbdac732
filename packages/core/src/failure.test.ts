import { describe, expect, it } from 'vitest';
import { SpillwayError } from './errors.js';
import { classifyFailure } from './failure.js';

const failed = (code: string, message = 'to http://joe:hunter2@host/?token=hunter2') =>
  Object.assign(new Error(message), { code });

describe('a failure without a reply', () => {
  it.each([
    'ENOTFOUND',
    'EAI_AGAIN',
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'ECONNABORTED',
    'ENOENT',
    'SPILLWAY_PEER_CLOSED',
    'SPILLWAY_TIMEOUT',
    'E_OF_THE_FUTURE',
  ])('%s is retried', (code) => {
    const verdict = classifyFailure(failed(code));
    expect(verdict).toMatchObject({ outcome: 'retry', reason: expect.stringContaining(code) });
    expect(JSON.stringify(verdict)).not.toContain('hunter2');
  });

  it.each([
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'UND_ERR_INVALID_ARG',
    'EACCES',
    'EPROTOTYPE',
    'SPILLWAY_PROTOCOL',
    'ERR_INVALID_CHAR',
  ])('%s needs a person', (code) => {
    expect(classifyFailure(failed(code))).toMatchObject({ outcome: 'hold' });
  });

  it('is found inside what wraps it', () => {
    expect(classifyFailure(new TypeError('fetch failed', { cause: failed('ECONNREFUSED') }))).toMatchObject({
      reason: 'connection refused (ECONNREFUSED)',
    });
    expect(classifyFailure(new AggregateError([failed('EHOSTUNREACH'), failed('ECONNREFUSED')]))).toMatchObject({
      reason: 'host unreachable (EHOSTUNREACH)',
    });
    expect(classifyFailure(AbortSignal.timeout(0).reason ?? new DOMException('', 'TimeoutError'))).toMatchObject({
      reason: expect.stringContaining('timed out'),
    });
  });

  it('shows our own words only for our own errors', () => {
    expect(classifyFailure(new SpillwayError('SPILLWAY_CREDENTIALS', 'No token\n'))).toEqual({
      outcome: 'hold',
      reason: 'No token',
    });
    expect(classifyFailure(failed('bad code with hunter2'))).toEqual({ outcome: 'retry', reason: 'unnamed error' });
  });

  it.each([undefined, null, 'text', 1, {}, [], new Error('x')])('survives %j', (thrown) => {
    expect(classifyFailure(thrown)).toEqual({ outcome: 'retry', reason: 'no reply' });
  });

  it('ends on causes that go in circles', () => {
    const error = new Error('a') as Error & { cause: unknown };
    error.cause = error;
    expect(classifyFailure(error)).toMatchObject({ outcome: 'retry' });
  });
});
