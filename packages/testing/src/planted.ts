// Values with a secret somewhere inside, as applications come to log them: under keys that say so in any spelling, in URLs and
// texts, below objects, arrays, maps, sets, errors and their causes, to any depth. In: the secret. Out: values to look for it in.

import { inspect } from 'node:util';
import fc from 'fast-check';

const names = [
  'password',
  'Authorization',
  'set-cookie',
  'apiKey',
  'client_secret',
  'refreshToken',
  'PASSWD',
  'private-key',
];

/** A key that says that its value is secret, in any case, with something in front. */
const secretKey = fc
  .tuple(
    fc.constantFrom(...names),
    fc.constantFrom('', 'user_', 'db.', 'X-'),
    fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
  )
  .map(([key, prefix, cases]) => {
    return prefix + [...key].map((letter, at) => (cases[at] ? letter.toUpperCase() : letter)).join('');
  });

type Wrap = (inner: unknown) => unknown;
const wrap: fc.Arbitrary<Wrap> = fc.oneof(
  fc.string().map(
    (key): Wrap =>
      (inner) => ({ [`k${key}`]: inner, other: 1 }),
  ),
  fc.constant<Wrap>((inner) => [1, inner, 'x']),
  fc.constant<Wrap>((inner) => new Map([['entry', inner]])),
  fc.constant<Wrap>((inner) => new Set([inner])),
  fc.constant<Wrap>((inner) => Object.assign(new Error('wrapped'), { detail: inner })),
  fc.constant<Wrap>((inner) => new Error('caused', { cause: inner })),
  fc.constant<Wrap>((inner) => new AggregateError([inner], 'several')),
  fc.constant<Wrap>((inner) => ({ toJSON: () => inner })),
);

/** Any value with the secret inside. */
export function planted(secret: string): fc.Arbitrary<unknown> {
  const bare: fc.Arbitrary<unknown> = fc.oneof(
    secretKey.map((key) => ({ [key]: secret })),
    secretKey.map((key) => ({ [key]: { deep: [secret] } })),
    secretKey.map((key) => new Map([[key, secret]])),
    fc.webUrl().map((url) => url.replace('://', `://user:${secret}@`)),
    fc.webUrl().map((url) => `${url.split(/[?#]/)[0]}?a=1&access_token=${secret}&b=2`),
    fc.string().map((text) => new Error(`${text} Authorization: Bearer ${secret}`)),
    secretKey.map((key) => `sent ${JSON.stringify({ [key]: secret })} out`),
    secretKey.map((key) => inspect({ [key.replaceAll(/[-.]/g, '_')]: secret })),
    secretKey.map((key) => `sent ${JSON.stringify({ [key]: { list: [{ a: ']}' }], deep: secret } })} out`),
    secretKey.map((key) => JSON.stringify(JSON.stringify({ [key]: [{ a: '"' }, { deep: [secret] }] }))),
    secretKey.map((key) => inspect(new Map([[key, { a: { b: "it's" }, c: secret }]]), { depth: 9, compact: false })),
    secretKey.map((key) => inspect({ [key]: new Set([{ a: [1] }, secret]) }, { depth: 9 })),
  );
  return fc.tuple(bare, fc.array(wrap, { maxLength: 8 })).map(([value, wraps]) => {
    return wraps.reduce<unknown>((inner, next) => next(inner), value);
  });
}
