import { describe, expect, it } from 'vitest';
import { Door } from './door.js';
import { LineFeed } from './lines/line-feed.js';

function setUp() {
  const events: string[] = [];
  const during = { lines: () => {} };
  const sink = {
    lines(bytes: Buffer, end: number) {
      const text = bytes.toString('utf8', 0, end);
      during.lines();
      events.push(text);
    },
    oversize() {},
  };
  const door = new Door({
    feed: new LineFeed(sink, 1000),
    taken: () => events.push('taken'),
    late: (chunk) => events.push(`late ${chunk}`),
  });
  return { door, events, during };
}

describe('door', () => {
  it('tells of every chunk that is through, lines of our own too', () => {
    const { door, events } = setUp();
    expect(door.write('a\nb')).toBe(true);
    door.add('c\n');
    expect(events.filter((event) => event === 'taken')).toHaveLength(2);
  });

  it('never puts lines of our own in the middle of a line', () => {
    const { door, events } = setUp();
    for (const chunk of ['a\nb', Buffer.from('c')]) door.write(chunk);
    door.add('ours\n');
    door.write('d\n');
    expect(events.filter((event) => event !== 'taken')).toEqual(['a\n', 'ours\n', 'bcd\n']);
  });

  it('lets in what comes in the middle of a chunk when that is through, as it was', async () => {
    const { door, events, during } = setUp();
    const reused = Buffer.from('b\n');
    during.lines = () => {
      during.lines = () => {};
      expect(door.write(reused)).toBe(false);
      door.end();
      reused.fill('x');
    };
    door.write('a\n');
    expect(events).toEqual(['a\n', 'taken']);
    await new Promise(setImmediate);
    expect(events).toEqual(['a\n', 'taken', 'b\n', 'taken']);
  });

  it('takes a last line when it is shut, and nothing afterwards', async () => {
    const { door, events, during } = setUp();
    during.lines = () => {
      during.lines = () => {};
      door.write('put off\n');
    };
    door.write('a\nb');
    door.shut();
    expect(door.write('c\n')).toBe(false);
    door.end();
    await new Promise(setImmediate);
    expect(events).toEqual(['a\n', 'taken', 'late c\n', 'b\n', 'late put off\n']);
  });
});
