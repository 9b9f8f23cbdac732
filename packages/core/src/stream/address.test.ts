import { describe, expect, it } from 'vitest';
import { parseOptions } from '../options/parse.js';
import { object } from '../options/schema.js';
import { addressOf, showAddress, streamUrl } from './address.js';

const schemes = {
  tcp: { over: 'tcp', port: 514 },
  'relp+tls': { over: 'tls' },
  udp: { over: 'udp', port: 514 },
  unix: { over: 'unix' },
} as const;

describe('an address', () => {
  it.each([
    ['tcp://logs.example:6000', { kind: 'tcp', host: 'logs.example', port: 6000 }, 'tcp://logs.example:6000'],
    ['tcp://logs.example', { kind: 'tcp', host: 'logs.example', port: 514 }, 'tcp://logs.example:514'],
    ['tcp://logs.example/', { kind: 'tcp', host: 'logs.example', port: 514 }, 'tcp://logs.example:514'],
    ['tcp://[::1]:514', { kind: 'tcp', host: '::1', port: 514 }, 'tcp://[::1]:514'],
    ['udp://10.0.0.1:99', { kind: 'udp', host: '10.0.0.1', port: 99 }, 'udp://10.0.0.1:99'],
    ['relp+tls://h:2514', { kind: 'tls', host: 'h', port: 2514 }, 'relp+tls://h:2514'],
    ['unix:///run/my%20log.sock', { kind: 'unix', path: '/run/my log.sock' }, 'unix:///run/my log.sock'],
  ])('%s', (text, address, shown) => {
    expect(addressOf(text, schemes)).toEqual(address);
    expect(showAddress(addressOf(text, schemes)!, text)).toBe(shown);
  });

  it.each([
    'logs.example:514',
    'http://logs.example',
    'constructor://h:1',
    'relp+tls://h',
    'tcp://h:0',
    'tcp://joe:hunter2@h:514',
    'tcp://h:514/path',
    'tcp://h:514?a=b',
    'tcp://h:514#a',
    'unix://',
    'unix:///',
    'unix://host/path',
    'unix:///a%zz',
    '',
  ])('%s is none', (text) => {
    expect(addressOf(text, schemes)).toBeUndefined();
  });

  it('that is none is refused with what would be one, and without its credentials', () => {
    const schema = object({ url: streamUrl(schemes, '') }, { doc: '' });
    const parse = (url: unknown) => () => parseOptions(schema, { url }, 'syslog');
    expect(parse(514)).toThrow(
      'Expected `syslog.url` to be an address such as tcp://host[:port, default 514] or relp+tls://host:port or',
    );
    expect(parse('tcp://joe:hunter2@h:514')).toThrow("got 'tcp://h:514' (string)");
  });
});
