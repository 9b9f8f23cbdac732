// Which records a route takes, as users write it.

import { custom, flag, object, text } from './schema.js';

/** The options of a route beside those of its pipeline. */
export const routeMatchOptions = object(
  {
    kind: text({
      pattern: /^[\w.:-]{1,64}$/,
      expected: 'up to 64 letters, digits or any of _ . : -',
      doc: "Takes records whose field `kind` has this value, as of `logger.child({ kind: 'audit' })`. Default: any.",
    }),
    level: custom<string | number>({
      expected: 'the label or the number of a level',
      check: (value) =>
        (typeof value === 'string' && value !== '') || (Number.isInteger(value) && (value as number) > 0)
          ? (value as string | number)
          : undefined,
      doc: 'Takes records of this level and above. A record without a level counts as info. Default: all.',
    }),
    continue: flag({
      default: false,
      doc: 'Whether the records that it takes go on to the routes behind it as well.',
    }),
  },
  { doc: 'Which records a route takes.' },
);

/** The options of a route but for those: where its records go, and how. */
export function withoutMatch(route: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(route).filter(([name]) => !Object.hasOwn(routeMatchOptions.fields, name)));
}
