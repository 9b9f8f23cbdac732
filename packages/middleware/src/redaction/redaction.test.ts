// Redaction: what counts as a secret, what is left alone, and a search for leaks with generated data.
import { planted } from '@spillway/testing';
import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createRedaction } from './redaction.js';

const redaction = createRedaction();
const SECRET = 'hunter2-S3CR3T';

describe('secret keys', () => {
  it.each([
    'password',
    'PASSWORD',
    'user_password',
    'dbPasswd',
    'pass-word',
    'client_secret',
    'x-api-key',
    'apiKey',
    'API_KEY',
    'authorization',
    'Proxy-Authorization',
    'Set-Cookie',
    'accessToken',
    'refresh_token',
    'sessionId',
    'private_key',
    'jwt',
    'credentials',
    'auth',
    'pin',
    'cvv',
    'card_number',
    'xsrf',
    'passphrase',
    'passwordHash',
    'awsSecretAccessKey',
    'SHOP__API__KEY',
    'private__key',
  ])('hides %s in values and in lines', (key) => {
    expect(redaction.value({ a: [{ [key]: SECRET }] })).toEqual({ a: [{ [key]: '[Redacted]' }] });
    expect(redaction.line(`${JSON.stringify({ a: [{ [key]: SECRET, b: 1 }] })}\n`)).toBe(
      `${JSON.stringify({ a: [{ [key]: '[Redacted]', b: 1 }] })}\n`,
    );
  });

  it.each([
    'author',
    'tokyo',
    'keyboard',
    'monkey',
    'passenger',
    'compass',
    'broken',
    'path',
    'session',
    'spin',
    'pinned',
    'description',
  ])('leaves %s alone', (key) => {
    expect(redaction.value({ [key]: 'x' })).toEqual({ [key]: 'x' });
    expect(redaction.line(`{"${key}":"x"}\n`)).toBe(`{"${key}":"x"}\n`);
  });

  it('keeps counts and flags but not numeric secrets', () => {
    const data = { prompt_tokens: 512, hasPassword: true, password_attempts: 3, pin: 1234, password: 99, token: null };
    const safe = {
      prompt_tokens: 512,
      hasPassword: true,
      password_attempts: 3,
      pin: '[Redacted]',
      password: '[Redacted]',
      token: null,
    };
    expect(redaction.value(data)).toEqual(safe);
    expect(JSON.parse(redaction.line(JSON.stringify(data)))).toEqual(safe);
  });

  it.each([
    [
      { headers: ['Host', 'h', 'Cookie', `a=${SECRET}`, 'accept', '*/*'] },
      ['Host', 'h', 'Cookie', '[Redacted]', 'accept', '*/*'],
    ],
    [
      {
        headers: [
          ['authorization', SECRET],
          ['set-cookie', [SECRET]],
          ['accept', 'x'],
        ],
      },
      [
        ['authorization', '[Redacted]'],
        ['set-cookie', '[Redacted]'],
        ['accept', 'x'],
      ],
    ],
    [{ headers: ['Authorization', 'Content-Type'] }, ['Authorization', 'Content-Type']],
  ])('knows headers that are a list: %j', (data, headers) => {
    expect(redaction.value(data)).toEqual({ headers });
    expect(JSON.parse(redaction.line(JSON.stringify(data)))).toEqual({ headers });
  });

  it('takes the key behind a header name for no value', () => {
    const line = '{"name":"cookie","b1":{"a":1},"token":"t"}';
    expect(redaction.line(line)).toBe('{"name":"cookie","b1":{"a":1},"token":"[Redacted]"}');
  });

  it('hides secrets within keys', () => {
    const pools = { [`postgres://app:${SECRET}@db/shop`]: { idle: 1 } };
    const safe = { pools: { 'postgres://[Redacted]@db/shop': { idle: 1 } } };
    expect(redaction.value({ pools })).toEqual(safe);
    expect(JSON.parse(redaction.line(JSON.stringify({ pools })))).toEqual(safe);
  });

  it('takes more names, exceptions and another censor', () => {
    const own = createRedaction({ keys: ['internalNote'], allow: ['token_type'], censor: '***' });
    expect(own.value({ internal_note: 'x', 'INTERNAL-NOTE-2': 'y', token_type: 'Bearer', token: 't' })).toEqual({
      internal_note: '***',
      'INTERNAL-NOTE-2': '***',
      token_type: 'Bearer',
      token: '***',
    });
    const short = createRedaction({ keys: ['ip'] });
    expect(short.line('{"ip":"10.0.0.1"}')).toBe('{"ip":"[Redacted]"}');
    expect(own.line('{"internal_note":"x","token_type":"mac"}')).toBe('{"internal_note":"***","token_type":"mac"}');
  });

  it.each([
    ['token_count=5 and token=t', 'token_count=5 and token=[Redacted]'],
    ['TOKEN_COUNT: 5', 'TOKEN_COUNT: 5'],
    ['my_token_count=5, token_count2=6', 'my_token_count=[Redacted], token_count2=[Redacted]'],
    ['token_count=a:password=b', 'token_count=a:password=[Redacted]'],
    ['{"token_count":"a","b":{"token_count":[1]},"pin":"1"}', '{"token_count":"a","b":{"token_count":[1]},"pin":"1"}'],
    ["{ 'token_count' => { a: 1 }, otp: '1' }", "{ 'token_count' => { a: 1 }, otp: '1' }"],
    ['{\\"token_count\\":\\"a\\",\\"token\\":\\"t\\"}', '{\\"token_count\\":\\"a\\",\\"token\\":\\"[Redacted]\\"}'],
    ['{"apis.pin":1,"auth":"a"}', '{"apis.pin":1,"auth":"[Redacted]"}'],
    ['GET /cb?code=a&token_count=5&key=k', 'GET /cb?code=a&token_count=5&key=[Redacted]'],
    ['Cookie: a=1\nAuthorization: b', 'Cookie: a=1\nAuthorization: [Redacted]'],
    ['?a[token_count]=1&b=%7B%22token_count%22%3A1%7D', '?a[token_count]=1&b=%7B%22token_count%22%3A1%7D'],
    ['a.b=1&a.b_token=2&c*d-token=3', 'a.b=1&a.b_token=[Redacted]&c*d-token=3'],
  ])('knows exceptions within text, too: %s', (text, safe) => {
    const own = createRedaction({ allow: ['Token_Count', 'pin', 'code', 'cookie', 'c*d-token'] });
    expect(own.text(text)).toBe(safe);
    expect(JSON.parse(own.line(JSON.stringify({ msg: text }))).msg).toBe(safe);
  });

  it('knows exceptions within headers that are a list', () => {
    const own = createRedaction({ allow: ['cookie'] });
    const data = { headers: ['Cookie', 'a=1', 'Authorization', 'b 1'] };
    const safe = { headers: ['Cookie', 'a=1', 'Authorization', '[Redacted]'] };
    expect(own.value(data)).toEqual(safe);
    expect(JSON.parse(own.line(JSON.stringify(data)))).toEqual(safe);
  });

  it('names the option that is wrong', () => {
    expect(() => createRedaction({ maxDept: 3 } as object)).toThrow(
      'Unknown option `redact.maxDept`, did you mean `maxDepth`?',
    );
    expect(() => createRedaction({ maxDepth: 0 })).toThrow(
      'Expected `redact.maxDepth` to be an integer from 1 to 2147483647, got `0` (number)',
    );
    expect(() => createRedaction({ keys: 'a' as unknown as string[] })).toThrow(
      expect.objectContaining({ code: 'SPILLWAY_OPTIONS_INVALID' }),
    );
  });
});

describe('text', () => {
  it.each([
    [`postgres://app:${SECRET}@db:5432/shop`, 'postgres://[Redacted]@db:5432/shop'],
    [`https://${SECRET}@github.com/a/b`, 'https://[Redacted]@github.com/a/b'],
    [`GET /cb?access_token=${SECRET}&page=2`, 'GET /cb?access_token=[Redacted]&page=2'],
    [`/cb?code=${SECRET}#x`, '/cb?code=[Redacted]#x'],
    [`/x?user[password]=${SECRET}&b=1`, '/x?user[password]=[Redacted]&b=1'],
    [`/x?user%5Bpassword%5D=${SECRET}&b=1`, '/x?user%5Bpassword%5D=[Redacted]&b=1'],
    [`/x?tokens[0][]=${SECRET}&card[cvv]=${SECRET}`, '/x?tokens[0][]=[Redacted]&card[cvv]=[Redacted]'],
    [
      `/q?variables=%7B%22password%22%3A%22${SECRET}%26a%22%2C%22b%22%3A1%7D&c=1`,
      '/q?variables=%7B%22password%22%3A[Redacted]&c=1',
    ],
    [`/q?v=%7B%22pin%22:+%22a%26${SECRET}%22%7D`, '/q?v=%7B%22pin%22:[Redacted]'],
    [
      `/in?next=https%3A%2F%2Fhost%2F%3Ftoken%3D${SECRET}%26code%3D${SECRET}%26page%3D2`,
      '/in?next=https%3A%2F%2Fhost%2F%3Ftoken%3D[Redacted]%26code%3D[Redacted]%26page%3D2',
    ],
    [`/in?next=%252Fa%253Ftoken%253D${SECRET}%2526b%253D1`, '/in?next=%252Fa%253Ftoken%253D[Redacted]%2526b%253D1'],
    [`/in?db=postgres%3A%2F%2Fapp%3A${SECRET}%40db%2Fshop`, '/in?db=postgres%3A%2F%2F[Redacted]%40db%2Fshop'],
    [`password:        ${SECRET}\nname:  x`, 'password:        [Redacted]\nname:  x'],
    [`api_key         = "${SECRET}"`, 'api_key         = "[Redacted]"'],
    [`Authorization: Bearer ${SECRET}`, 'Authorization: [Redacted]'],
    [`got bearer ${SECRET} from`, 'got bearer [Redacted] from'],
    ['Basic dXNlcjpwYXNz', 'Basic [Redacted]'],
    [`Cookie: a=1; sid=${SECRET}`, 'Cookie: [Redacted]'],
    [`body {"password":"${SECRET}\\"x","n":1}`, 'body {"password":"[Redacted]","n":1}'],
    [
      `{"pin":"${SECRET}","cvv" : 123,"auth":{"a":"${SECRET}"},"spin":"x"}`,
      '{"pin":"[Redacted]","cvv" : [Redacted],"auth":[Redacted],"spin":"x"}',
    ],
    [`{\\"pin\\":\\"${SECRET}\\",\\"n\\":1}`, '{\\"pin\\":\\"[Redacted]\\",\\"n\\":1}'],
    [`{ password: '${SECRET}', n: 1 }`, "{ password: '[Redacted]', n: 1 }"],
    [`api_key=${SECRET} done`, 'api_key=[Redacted] done'],
    [`secrets: [ '${SECRET}', 'b' ] end`, 'secrets: [Redacted] end'],
    [`{"password":{"a":[{"x":"}"}],"b":"${SECRET}"},"n":1}`, '{"password":[Redacted],"n":1}'],
    [
      `{\n  password: {\n    a: { b: 1 },\n    c: '${SECRET}'\n  },\n  n: 1\n}`,
      '{\n  password: [Redacted],\n  n: 1\n}',
    ],
    [`Map(1) { 'password' => '${SECRET}' }`, "Map(1) { 'password' => '[Redacted]' }"],
    [`Map(1) { 'pwd' => Map(1) { 'a' => [ '${SECRET}' ] } } end`, "Map(1) { 'pwd' => [Redacted] } end"],
    [`token: [Object: null prototype] { a: '${SECRET}' } end`, 'token: [Redacted] end'],
    [`{ passwords: Set(1) { '${SECRET}'`, '{ passwords: [Redacted]'],
    [`{\\"secret\\":{\\"a\\":\\"]\\",\\"b\\":\\"${SECRET}\\"}} end`, '{\\"secret\\":[Redacted]} end'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def', '[Redacted]'],
    [
      `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`,
      '-----BEGIN RSA PRIVATE KEY-----[Redacted]-----END RSA PRIVATE KEY-----',
    ],
  ])('%s', (text, safe) => {
    expect(redaction.text(text)).toBe(safe);
    expect(JSON.parse(redaction.line(JSON.stringify({ msg: text }))).msg).toBe(safe);
    expect(redaction.text(redaction.text(text))).toBe(safe);
    // The quick look takes pairs of letters: nothing may depend on where a text begins.
    expect(redaction.text(` ${text}`)).toBe(` ${safe}`);
    expect(redaction.text(`"${text}`.toUpperCase())).not.toContain(SECRET.toUpperCase());
  });

  it.each([
    'the basic information',
    'mail to a@b.com',
    'http://host:8080/path?email=a@b.com',
    'GET /users/42?page=2',
    'tokenizer ready',
    'passed 3 of 4',
    'Unexpected token < in JSON',
    'Unexpected token:\n     at JSON.parse (file.js:1:2)',
    '/in?next=https%3A%2F%2Fhost%2Fusers%2F%40me%3Fpage%3D2',
    '[token]: 12 of 40',
  ])('leaves "%s" alone', (text) => {
    expect(redaction.text(text)).toBe(text);
  });

  it('takes time linear in the length of hostile text', () => {
    for (const piece of [
      'token',
      'password\\',
      'a://',
      'cookie:',
      'bearer ',
      'eyJ',
      '-----BEGIN PRIVATE KEY-----',
      '?code=',
      'secret [',
      "pwd='",
      'token:{',
      'token:{"',
      'token=>[\\\\"',
      'token[',
      'token%25',
      'token%22%3A%22',
      '%3A%2F%2F',
      `password${' '.repeat(50)}`,
    ]) {
      const text = piece.repeat(200_000 / piece.length);
      const start = process.cpuUsage();
      redaction.text(text);
      redaction.line(JSON.stringify({ msg: text }));
      const { user } = process.cpuUsage(start);
      // A quadratic pattern needs minutes here; a linear one some ten milliseconds.
      expect(user, piece).toBeLessThan(10_000_000);
    }
  });
});

describe('any value', () => {
  it('is turned into data without throwing', () => {
    const cycle: Record<string, unknown> = { name: 'a' };
    cycle.self = cycle;
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error(SECRET);
        },
        get: () => {
          throw new Error(SECRET);
        },
      },
    );
    const outer = new Error('outer', { cause: new Error(`inner postgres://u:${SECRET}@h/d`) });
    const value = {
      big: 12345678901234567890n,
      small: 7n,
      nan: Number.NaN,
      cycle,
      hostile,
      getter: Object.defineProperty({}, 'x', {
        enumerable: true,
        get() {
          throw new Error(SECRET);
        },
      }),
      json: {
        toJSON() {
          throw new Error(SECRET);
        },
      },
      own: { toJSON: () => ({ password: SECRET }) },
      map: new Map<unknown, unknown>([
        ['token', SECRET],
        [{}, 1],
      ]),
      set: new Set([{ pwd: SECRET }]),
      date: new Date(0),
      bad: new Date(Number.NaN),
      url: new URL(`https://u:${SECRET}@h/?token=${SECRET}`),
      query: new URLSearchParams({ code: SECRET, page: '2' }),
      buffer: Buffer.alloc(1_000_000),
      lone: 'a\ud800b',
      re: /x/g,
      headers: new Headers({ authorization: SECRET, accept: '*/*' }),
      symbol: Symbol('s'),
      fn() {},
      undef: undefined,
      err: outer,
      many: new AggregateError([new Error(`password=${SECRET}`)], 'several'),
      boxed: Object('text'),
      ['__proto__']: 1,
    };
    const safe = redaction.value(value) as Record<string, Record<string, unknown>>;
    const text = JSON.stringify(safe);
    expect(text).not.toContain(SECRET);
    expect(safe).toMatchObject({
      big: '12345678901234567890',
      small: 7,
      nan: null,
      cycle: { name: 'a', self: '[circular]' },
      hostile: '[unreadable]',
      getter: { x: '[unreadable]' },
      json: '[unreadable]',
      own: { password: '[Redacted]' },
      map: { token: '[Redacted]', '[object]': 1 },
      set: [{ pwd: '[Redacted]' }],
      date: '1970-01-01T00:00:00.000Z',
      bad: null,
      url: 'https://[Redacted]@h/?token=[Redacted]',
      query: '?code=[Redacted]&page=2',
      buffer: '[Buffer of 1000000 bytes]',
      lone: 'a\ufffdb',
      re: '/x/g',
      headers: { accept: '*/*', authorization: '[Redacted]' },
      symbol: 'Symbol(s)',
      boxed: 'text',
    });
    expect(safe.err).toMatchObject({ type: 'Error', message: 'outer: inner postgres://[Redacted]@h/d' });
    expect(safe.many!.aggregateErrors).toMatchObject([{ message: 'password=[Redacted]' }]);
    expect(safe).not.toHaveProperty('fn');
  });

  it('writes errors with the keys of pino', () => {
    const error = Object.assign(new TypeError('no', { cause: new RangeError('why') }), {
      code: 'E_NO',
      nested: new Error('in'),
    });
    const reference = pino.stdSerializers.err(error);
    expect(redaction.value(error)).toEqual(JSON.parse(JSON.stringify(reference)));
  });

  it('caps depth, keys, items, strings and the whole, and says so', () => {
    const small = createRedaction({ maxDepth: 2, maxKeys: 3, maxStringLength: 10, maxLength: 1000 });
    expect(small.value({ a: { b: { c: 1 } } })).toEqual({ a: { b: '[too deep]' } });
    expect(small.value({ a: 1, b: 2, c: 3, d: 4, e: 5 })).toEqual({ a: 1, b: 2, c: 3, _truncated: '2 keys' });
    expect(small.value([1, 2, 3, 4])).toEqual([1, 2, 3, '[+1 items]']);
    expect(small.value('x'.repeat(50))).toBe(`${'x'.repeat(10)}[+40 characters]`);
    // The censor makes it longer than it was.
    expect(small.value(['pin:', 'jwt=a'])).toEqual(['pin:', 'jwt=[Redac[+4 characters]']);
    const wide = createRedaction().value(Array.from({ length: 150 }, () => ({ text: 'y'.repeat(10_000) })));
    expect(JSON.stringify(wide).length).toBeLessThan(140_000);
    expect(JSON.stringify(redaction.value(new Array(1e9)))).toContain('items]');
  });

  it('cuts a line that is too long but keeps its level and time', () => {
    const long = `${JSON.stringify({ level: 30, time: 5, text: 'z'.repeat(400_000), password: SECRET })}\n`;
    const cut = redaction.line(long);
    expect(cut.length).toBeLessThan(262_144);
    expect(JSON.parse(cut)).toMatchObject({ level: 30, time: 5, _truncated: `line of ${long.length}` });
    expect(cut).not.toContain(SECRET);
    expect(redaction.line(`${'q'.repeat(300_000)}`).length).toBeLessThan(262_144);
  });

  it('can be turned off, and then still never throws', () => {
    const off = createRedaction(false);
    expect(off.value({ password: 'x', big: 10n })).toEqual({ password: 'x', big: 10 });
    expect(off.line('{"password":"x"}')).toBe('{"password":"x"}');
  });
});

describe('planted secrets', () => {
  it('never come out of a value or a line', () => {
    fc.assert(
      fc.property(planted(SECRET), (value) => {
        expect(JSON.stringify(redaction.value({ value })) ?? '').not.toContain(SECRET);
        // The same through a logger that knows nothing of redaction, then through the redaction of lines.
        let line = '';
        pino(
          { base: null },
          {
            write: (text: string) => {
              line = text;
            },
          },
        ).info({ value }, 'message');
        const safe = redaction.line(line);
        expect(safe).not.toContain(SECRET);
        expect(() => JSON.parse(safe)).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });

  // Long lines are looked at in chunks of 4096 letters, of which none may cut a secret's name in two.
  it.each(['a', 'ä', '€', '😀'])('are found at any place of a long line of %s', (filler) => {
    for (let place = 4070; place <= 4110; place++) {
      const line = `{"text":"${filler.repeat(place / filler.length)}","pin":"${SECRET}","rest":"${'b'.repeat(5000)}"}`;
      expect(redaction.line(line), `after ${place}`).not.toContain(SECRET);
    }
  });

  it('leave every other byte of a line as it was', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const line = `{"data":${json},"n":12345678901234567890}\n`;
        const safe = redaction.line(line);
        expect(safe).toContain('"n":12345678901234567890}\n');
        if (
          !/token|secret|pass|pwd|key|cookie|credential|session|jwt|bearer|auth|srf|card|"(?:pin|otp|totp|sid|cvv|cvc|ssn|pan)"/i.test(
            json,
          ) &&
          !/@|eyJ|BEGIN|basic|digest|negotiate|[?&;]/i.test(json)
        )
          expect(safe).toBe(line);
      }),
      { numRuns: 1000 },
    );
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withMap: true,
          withSet: true,
          withDate: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
          withObjectString: true,
        }),
        fc.string(),
        (value, text) => {
          JSON.stringify(redaction.value(value));
          redaction.line(text);
          redaction.text(text);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
