import { simRuntime } from '@spillway/testing';
import { expect, it } from 'vitest';
import { Warnings } from './warnings.js';

function setUp() {
  const runtime = simRuntime();
  const said: string[] = [];
  return { runtime, said, warnings: new Warnings(true, runtime, (line) => said.push(line)) };
}

it('says one line in 30 seconds, the latest of the others at the end, and how many there were', async () => {
  const { runtime, said, warnings } = setUp();
  for (let second = 0; second <= 31; second++) {
    warnings.say(`lost ${second}`);
    await runtime.advance(1000);
  }
  warnings.end();
  expect(said).toEqual([
    'spillway: lost 0\n',
    'spillway: lost 30 (and 29 warnings since the last one)\n',
    'spillway: lost 31\n',
  ]);
});

it('says nothing at the end of a trouble that has passed since', () => {
  const { said, warnings } = setUp();
  let stands = true;
  warnings.say('first');
  warnings.say('refused', () => stands);
  stands = false;
  warnings.end();
  expect(said).toEqual(['spillway: first\n']);
});

it('says at the end what still stands', () => {
  const { said, warnings } = setUp();
  warnings.say('first');
  warnings.say('refused', () => true);
  warnings.end();
  expect(said).toEqual(['spillway: first\n', 'spillway: refused\n']);
});

it('says at the end what was lost before a trouble that has passed since', () => {
  const { said, warnings } = setUp();
  warnings.say('first');
  warnings.say('lost');
  warnings.say('refused', () => false);
  warnings.end();
  expect(said).toEqual(['spillway: first\n', 'spillway: lost (and 1 warnings since the last one)\n']);
});

it('does not fail where nobody can be told', () => {
  const warnings = new Warnings(true, simRuntime(), () => {
    throw Object.assign(new Error('closed'), { code: 'EPIPE' });
  });
  expect(() => warnings.say('lost')).not.toThrow();
});
