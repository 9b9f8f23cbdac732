import { expect, it } from 'vitest';
import { Values } from './command.js';
import { destinationOf } from './destination.js';
import type { Io } from './io.js';

const destination = (env: Io['env'], ...set: string[]) =>
  destinationOf({ io: { env } as Io, values: new Values(new Map([['set', set]])), paths: [] }).to;

it('lays what the command line says over the other options, and a secret over its other form', () => {
  const env = {
    SPILLWAY_TO: 'loki',
    SPILLWAY_TO__BEARER_TOKEN: 'old',
    SPILLWAY_TO__LABELS: '{"app":"shop"}',
  };
  const set = ['bearerTokenFile=/run/token', 'labels.env=prod', 'labels.zone=a', 'timeoutMs:=3000'];
  expect(destination(env, ...set)).toEqual([
    'loki',
    { bearerTokenFile: '/run/token', labels: { app: 'shop', env: 'prod', zone: 'a' }, timeoutMs: 3000 },
  ]);
});
