import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyReply } from './classify.js';
import { isNearby, proxyFor } from './proxy.js';
import { retryAfterMs } from './retry-after.js';

const reply = (status: number, body = '', headers: Record<string, string> = {}) => ({
  status,
  headers,
  body: Buffer.from(body),
});

describe('the default meaning of a reply', () => {
  it.each([
    [[200, 201, 202, 204, 206], 'ack'],
    [[300, 301, 302, 303, 304, 307, 308], 'hold'],
    [[400, 406, 413, 422], 'split'],
    [[401, 402, 403, 404, 405, 407, 410, 411, 414, 415, 418, 431, 451, 501, 505], 'hold'],
    [[408, 409, 425, 429, 500, 502, 503, 504, 507, 520, 522, 599], 'retry'],
  ] as const)('%j is %s', (statuses, outcome) => {
    for (const status of statuses) expect(classifyReply(reply(status, 'why'))).toMatchObject({ outcome });
  });

  it.each(['<!DOCTYPE html><html>', ' \n<html lang="en">', '<HTML>'])(
    'a page that says 200 stored nothing: %s',
    (page) => {
      expect(classifyReply(reply(200, page))).toEqual({ outcome: 'hold', reason: '200: a web page answered' });
    },
  );

  it('carries the wait that was asked for', () => {
    expect(classifyReply(reply(429, 'slow down', { 'retry-after': '2' }))).toEqual({
      outcome: 'retry',
      reason: '429: slow down',
      afterMs: 2000,
    });
  });

  it('has reasons that are short, plain and without credentials, whatever the body is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(400, 401, 429, 500), (bytes, status) => {
        const verdict = classifyReply({ status, headers: {}, body: Buffer.from(bytes) });
        if (verdict.outcome === 'ack') throw new Error('accepted');
        expect(verdict.reason.length).toBeLessThanOrEqual(210);
        expect(verdict.reason).not.toMatch(/\p{Cc}/u);
      }),
    );
    const echo = 'bad header Authorization: Bearer hunter2 from https://joe:hunter2@host/';
    expect(JSON.stringify(classifyReply(reply(400, echo)))).not.toContain('hunter2');
    expect(classifyReply(reply(400, '\u001b[31mred\u0007\r\nline\u202e'))).toMatchObject({
      reason: '400: [31mred line',
    });
  });
});

describe('Retry-After', () => {
  const date = 'Tue, 14 Nov 2023 22:13:20 GMT';
  it.each([
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '120' }, 120_000],
    [{ 'retry-after': ' 1.5 ' }, 1500],
    [{ 'retry-after': '99999999999999999999' }, 300_000],
    [{ 'retry-after': 'Tue, 14 Nov 2023 22:13:50 GMT', date }, 30_000],
    [{ 'retry-after': 'Tuesday, 14-Nov-23 22:13:50 GMT', date }, 30_000],
    [{ 'retry-after': 'Tue Nov 14 22:13:50 2023', date: 'Tue Nov 14 22:13:20 2023' }, 30_000],
    [{ 'retry-after': 'Tue, 14 Nov 2023 22:00:00 GMT', date }, 0],
    [{ 'retry-after': 'Fri, 31 Dec 2999 23:59:59 GMT', date }, 300_000],
    [{ 'retry-after': 'Tue, 14 Nov 2023 22:13:50 GMT' }, undefined],
    [{ 'retry-after': '-5', date }, undefined],
    [{ 'retry-after': 'soon', date }, undefined],
    [{ 'retry-after': 'Infinity', date }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ] as [Record<string, string>, number | undefined][])('%j means %s', (headers, ms) => {
    expect(retryAfterMs(headers)).toBe(ms);
  });
});

describe('the proxy', () => {
  const plain = 'http://proxy:3128/';
  const secure = 'http://secure:3129/';
  const env = { http_proxy: plain, HTTPS_PROXY: secure };
  it.each([
    ['http://logs.example', undefined, env, plain],
    ['https://logs.example', undefined, env, secure],
    ['https://logs.example', undefined, { HTTPS_PROXY: 'secure:3129' }, secure],
    ['https://logs.example', undefined, { http_proxy: plain }, undefined],
    ['http://logs.example', undefined, { HTTP_PROXY: plain }, plain],
    ['http://logs.example', undefined, { HTTP_PROXY: plain, REQUEST_METHOD: 'GET' }, undefined],
    ['http://logs.example', false, env, undefined],
    ['http://logs.example', 'http://own:1/', { ...env, NO_PROXY: '*' }, 'http://own:1/'],
    ['http://logs.example', undefined, { ...env, NO_PROXY: '*' }, undefined],
    ['http://logs.example', undefined, { ...env, NO_PROXY: 'other,logs.example' }, undefined],
    ['http://logs.example', undefined, { ...env, no_proxy: '.example' }, undefined],
    ['http://logs.example', undefined, { ...env, no_proxy: '*.EXAMPLE' }, undefined],
    ['http://mylogs.example', undefined, { ...env, no_proxy: 'logs.example' }, plain],
    ['http://logs.example:81', undefined, { ...env, no_proxy: 'logs.example:80' }, plain],
    ['http://logs.example', undefined, { ...env, no_proxy: 'logs.example:80' }, undefined],
    ['http://[::1]:3100', undefined, { ...env, no_proxy: 'localhost, ::1' }, undefined],
    ['http://logs.example', undefined, {}, undefined],
  ] as [string, string | false | undefined, Record<string, string>, string | undefined][])(
    'for %s with %s and %j is %s',
    (url, option, environment, expected) => {
      expect(proxyFor(new URL(url), option, environment)?.href).toBe(expected);
    },
  );

  it.each([
    ['http://127.0.0.1:80/', true],
    ['http://169.254.169.254/latest', true],
    ['http://100.100.100.200/latest', true],
    ['http://metadata.google.internal/', true],
    ['http://100.100.100.201/', false],
    ['https://sts.googleapis.com/', false],
  ])('is never asked for what only this machine reaches: %s, %s', (url, nearby) => {
    expect(isNearby(new URL(url))).toBe(nearby);
  });
});
