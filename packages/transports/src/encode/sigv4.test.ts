import aws4 from 'aws4';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signV4 } from './sigv4.js';

const suite = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const s3Docs = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const nothing = Buffer.alloc(0);

function signatureOf(headers: Record<string, string>): string | undefined {
  return /Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '')?.[1];
}

describe("AWS's published vectors", () => {
  const at2015 = { region: 'us-east-1', service: 'service', keys: suite, now: Date.UTC(2015, 7, 30, 12, 36, 0) };

  // aws-sig-v4-test-suite, by the names of its folders.
  it.each([
    ['get-vanilla', 'GET', '/', {}, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', 'POST', '/', {}, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '/?Param2=value2&Param1=value1',
      {},
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
  ] as const)('%s', (_, method, path, headers, signature) => {
    const url = new URL(path, 'https://example.amazonaws.com');
    expect(signatureOf(signV4({ method, url, headers, body: nothing }, at2015))).toBe(signature);
  });

  it('the request of the IAM guide', () => {
    const url = new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08');
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const signed = signV4({ method: 'GET', url, headers, body: nothing }, { ...at2015, service: 'iam' });
    expect(signed.authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it('the requests of the S3 guide', () => {
    const at2013 = { region: 'us-east-1', service: 's3', keys: s3Docs, now: Date.UTC(2013, 4, 24) };
    const get = {
      method: 'GET',
      url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
      headers: { range: 'bytes=0-9' },
      body: nothing,
    };
    expect(signatureOf(signV4(get, at2013))).toBe('f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41');
    const put = {
      method: 'PUT',
      url: new URL('https://examplebucket.s3.amazonaws.com/test$file.text'),
      headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
      body: Buffer.from('Welcome to Amazon S3.'),
    };
    expect(signatureOf(signV4(put, at2013))).toBe('98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
  });

  it('a call of CloudWatch Logs', () => {
    const body = Buffer.from(
      '{"logGroupName":"/app/web","logStreamName":"i-1","logEvents":[{"timestamp":1700000000123,"message":"{\\"level\\":30,\\"msg\\":\\"hi\\"}"}]}',
    );
    const url = new URL('https://logs.us-east-1.amazonaws.com/');
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Logs_20140328.PutLogEvents' };
    const scope = { region: 'us-east-1', service: 'logs', keys: suite, now: Date.UTC(2023, 10, 14, 22, 13, 20) };
    expect(signatureOf(signV4({ method: 'POST', url, headers, body }, scope))).toBe(
      'e9e95ae5d5fc4ccb7e6d4ed8e996fb9a97e3e72484fdc523d1811472adbf89ec',
    );
  });
});

describe('aws4, which shares no code with us,', () => {
  const words = fc.string({ unit: fc.constantFrom(..."aZ0-_.~ =&+%/$'()*!,;:@é世"), minLength: 1, maxLength: 12 });
  const segments = fc.array(
    words.filter((word) => !/^\.{1,2}$|\//.test(word)),
    { maxLength: 4 },
  );
  const queries = fc.array(fc.tuple(words, words), { maxLength: 4 });

  it.each(['s3', 'es', 'logs'])('signs any request to %s the same way', (service) => {
    fc.assert(
      fc.property(
        segments,
        queries,
        fc.uint8Array({ maxLength: 60 }),
        fc.option(fc.constantFrom('token/+='), { nil: undefined }),
        (path, query, bytes, sessionToken) => {
          const url = new URL('https://host.example:8443');
          url.pathname = path.map(encodeURIComponent).join('/');
          // Names that come twice are sorted by value here and kept in order there.
          url.search = new URLSearchParams([...new Map(query)]).toString();
          const body = Buffer.from(bytes);
          const keys = { ...suite, sessionToken };
          const now = Date.UTC(2026, 0, 2, 3, 4, 5);
          const headers = { 'content-type': 'application/x-ndjson', 'x-amz-meta-note': 'two  spaces ' };
          const ours = signV4({ method: 'PUT', url, headers, body }, { region: 'eu-west-1', service, keys, now });
          const theirs = aws4.sign(
            {
              method: 'PUT',
              host: url.host,
              path: `${url.pathname}${url.search}`,
              service,
              region: 'eu-west-1',
              body,
              headers: {
                'Content-Type': headers['content-type'],
                'X-Amz-Meta-Note': headers['x-amz-meta-note'],
                'X-Amz-Date': ours['x-amz-date'],
                ...(service === 's3' && { 'X-Amz-Content-Sha256': ours['x-amz-content-sha256'] }),
              },
              extraHeadersToIgnore: { 'content-length': true },
            } as aws4.Request,
            keys as aws4.Credentials,
          );
          expect(ours.authorization).toBe(theirs.headers?.Authorization);
        },
      ),
      { numRuns: 200 },
    );
  });
});
