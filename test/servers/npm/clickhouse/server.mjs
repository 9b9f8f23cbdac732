// ClickHouse's engine behind the part of its HTTP interface that log writers use: `/ping`, `query` in the URL and the body,
// settings in the URL, compressed bodies, logins, exception codes and the statuses that ClickHouse gives them.
// In: --port, --data, and --password for the user `default`. Out: real SQL, types, deduplication and error texts; the HTTP
// around them is ours. Always true: one statement at a time, so that settings of one request never meet another.
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import zlib from 'node:zlib';
import { Session } from 'chdb';

const { values: flags } = parseArgs({
  options: { port: { type: 'string' }, data: { type: 'string' }, password: { type: 'string', default: '' } },
});
const session = new Session(flags.data);

// Parameters of the interface itself; every other one is a setting.
const ownParameters = new Set(['query', 'database', 'default_format', 'user', 'password', 'query_id', 'session_id']);

// src/Server/HTTP/exceptionCodeToHTTPStatus.cpp of ClickHouse, as far as writers meet it; the rest is 500.
const statuses = new Map([
  ...[194].map((code) => [code, 401]),
  ...[192, 193, 497, 516].map((code) => [code, 403]),
  ...[6, 26, 27, 36, 38, 41, 42, 43, 44, 53, 62, 69, 70, 72, 117, 130, 131, 132, 321].map((code) => [code, 400]),
  ...[47, 60, 73, 81, 115].map((code) => [code, 404]),
  ...[159].map((code) => [code, 408]),
  ...[229].map((code) => [code, 413]),
  ...[48].map((code) => [code, 501]),
]);

const decoders = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
  ...(zlib.zstdDecompressSync ? { zstd: zlib.zstdDecompressSync } : {}),
};

class ServerError extends Error {
  constructor(code, name, text) {
    super(`Code: ${code}. DB::Exception: ${text} (${name})`);
  }
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname === '/ping' || (request.method === 'GET' && !url.searchParams.has('query'))) {
    response.end('Ok.\n');
    return;
  }
  const queryId = url.searchParams.get('query_id') ?? crypto.randomUUID();
  response.setHeader('X-ClickHouse-Query-Id', queryId);
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const reply = answer(url.searchParams, request.headers, Buffer.concat(chunks));
    response.end(reply);
  } catch (error) {
    const text = String(error.message).replace(/^Query failed: /, '');
    const code = Number(/^Code: (\d+)/.exec(text)?.[1] ?? 1002);
    response.writeHead(statuses.get(code) ?? 500, { 'X-ClickHouse-Exception-Code': String(code) });
    response.end(`${text}\n`);
  }
});

function answer(parameters, headers, body) {
  authorize(parameters, headers);
  const statement = [parameters.get('query') ?? '', decoded(body, headers['content-encoding'])]
    .filter(Boolean)
    .join('\n');
  const settings = [...parameters].filter(([name]) => !ownParameters.has(name) && !name.startsWith('param_'));
  const applied = [];
  try {
    session.query(`USE ${identifier(headers['x-clickhouse-database'] ?? parameters.get('database') ?? 'default')}`);
    for (const [name, value] of settings) {
      session.query(`SET ${identifier(name)} = '${value.replace(/['\\]/g, '\\$&')}'`);
      applied.push(name);
    }
    const format = headers['x-clickhouse-format'] ?? parameters.get('default_format') ?? 'TabSeparated';
    return session.query(statement, format);
  } finally {
    for (const name of applied) session.query(`SET ${identifier(name)} = DEFAULT`);
  }
}

function authorize(parameters, headers) {
  const [user, password] = credentials(parameters, headers);
  if (user === 'default' && password === flags.password) return;
  const text = `${user}: Authentication failed: password is incorrect, or there is no user with such name.`;
  throw new ServerError(516, 'AUTHENTICATION_FAILED', text);
}

function credentials(parameters, headers) {
  const [scheme, token = ''] = (headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'basic') {
    const text = Buffer.from(token, 'base64').toString();
    return [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
  }
  const user = headers['x-clickhouse-user'] ?? parameters.get('user') ?? 'default';
  return [user, headers['x-clickhouse-key'] ?? parameters.get('password') ?? ''];
}

function decoded(body, encoding) {
  if (!encoding) return body.toString();
  const decode = decoders[encoding];
  if (!decode) throw new ServerError(48, 'NOT_IMPLEMENTED', `Unknown compression method: ${encoding}.`);
  try {
    return decode(body).toString();
  } catch (error) {
    throw new ServerError(271, 'CANNOT_DECOMPRESS', `${error.message}.`);
  }
}

function identifier(name) {
  return `\`${name.replace(/[`\\]/g, '\\$&')}\``;
}

process.on('SIGTERM', () => {
  session.close();
  process.exit(0);
});
server.listen(Number(flags.port), '127.0.0.1');
