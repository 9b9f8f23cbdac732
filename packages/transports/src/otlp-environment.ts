// The variables that OpenTelemetry defines for exporters, as options.
// In: an environment. Out: options, as plain data, for those that the code leaves out; the signal's own variable wins.
// Sources: opentelemetry-specification, protocol/exporter.md and configuration/sdk-environment-variables.md.

import { SpillwayError } from '@spillway/core';

type Environment = Readonly<Record<string, string | undefined>>;

/** What variables can say. */
export interface OtlpEnvironment {
  readonly url?: string;
  readonly encoding?: 'protobuf' | 'json';
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: Readonly<Record<string, string>>;
  readonly compression?: 'gzip' | 'none';
  readonly timeoutMs?: number;
  readonly resource: Readonly<Record<string, string>>;
}

/** Longest wait that a timer takes, in ms. */
const maxTimeoutMs = 2 ** 31 - 1;

/** Nothing said. */
export const silent: OtlpEnvironment = { headers: {}, resource: {} };

/** What the code says itself. */
interface Given {
  readonly url: string | undefined;
  readonly encoding: 'protobuf' | 'json' | undefined;
}

/** Reads the variables, but for those whose place is taken: other signals may need them to hold what is of no use here.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` for values that cannot be what they should be; secrets are not shown
 */
export function readEnvironment(environment: Environment, code: Given): OtlpEnvironment {
  const variable = (name: string) => environment[name]?.trim() || undefined;
  const exporter = (name: string) => {
    const own = `OTEL_EXPORTER_OTLP_LOGS_${name}`;
    const common = `OTEL_EXPORTER_OTLP_${name}`;
    return variable(own) ? { name: own, value: variable(own)! } : { name: common, value: variable(common) };
  };
  const url =
    code.url === undefined
      ? endpoint(variable('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'), variable('OTEL_EXPORTER_OTLP_ENDPOINT'))
      : undefined;
  const encoding = code.encoding === undefined ? protocol(exporter('PROTOCOL')) : undefined;
  const tls = {
    ca: exporter('CERTIFICATE').value,
    key: exporter('CLIENT_KEY').value,
    cert: exporter('CLIENT_CERTIFICATE').value,
  };
  const compression = oneOf(['gzip', 'none'] as const, exporter('COMPRESSION'));
  const timeoutMs = timeout(exporter('TIMEOUT'));
  const serviceName = variable('OTEL_SERVICE_NAME');
  return {
    ...(url !== undefined && { url }),
    ...(encoding && { encoding }),
    headers: {
      ...pairs('OTEL_EXPORTER_OTLP_HEADERS', variable('OTEL_EXPORTER_OTLP_HEADERS')),
      ...pairs('OTEL_EXPORTER_OTLP_LOGS_HEADERS', variable('OTEL_EXPORTER_OTLP_LOGS_HEADERS')),
    },
    ...(Object.values(tls).some(Boolean) && { tls: given(tls) }),
    ...(compression && { compression }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    resource: {
      ...pairs('OTEL_RESOURCE_ATTRIBUTES', variable('OTEL_RESOURCE_ATTRIBUTES')),
      ...(serviceName && { 'service.name': serviceName }),
    },
  };
}

interface Variable {
  readonly name: string;
  readonly value: string | undefined;
}

/** The signal's endpoint is used as it is; the common one is a base to which the signal's path is added. */
function endpoint(own: string | undefined, base: string | undefined): string | undefined {
  if (own !== undefined) return absolute('OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', own).href;
  if (base === undefined) return undefined;
  const url = absolute('OTEL_EXPORTER_OTLP_ENDPOINT', base);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/logs`;
  return url.href;
}

function absolute(name: string, value: string): URL {
  if (/^https?:\/\//i.test(value) && URL.canParse(value)) return new URL(value);
  throw invalid(name, 'a URL that starts with http:// or https://');
}

function protocol(variable: Variable): 'protobuf' | 'json' | undefined {
  const word = oneOf(['http/protobuf', 'http/json'] as const, variable);
  return word && (word === 'http/json' ? 'json' : 'protobuf');
}

function timeout({ name, value }: Variable): number | undefined {
  if (value === undefined) return undefined;
  const ms = Number(value);
  if (Number.isInteger(ms) && ms > 0 && ms <= maxTimeoutMs) return ms;
  throw invalid(name, 'a number of milliseconds');
}

function oneOf<T extends string>(words: readonly T[], { name, value }: Variable): T | undefined {
  if (value === undefined) return undefined;
  const found = words.find((word) => word === value.toLowerCase());
  if (found) return found;
  throw invalid(name, words.join(' or '));
}

/** `key=value,key2=value2`, percent-encoded as W3C baggage is. */
function pairs(name: string, value: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of value?.split(',') ?? []) {
    if (pair.trim() === '') continue;
    const split = pair.indexOf('=');
    const key = decoded(pair.slice(0, split).trim());
    const text = decoded(pair.slice(split + 1).trim());
    if (split < 0 || !key || text === undefined) throw invalid(name, 'pairs such as key=value,key2=value2');
    // An empty value says nothing, and headers and attributes without one are refused.
    if (text !== '') found[key] = text;
  }
  return found;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function given(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function invalid(name: string, expected: string): SpillwayError {
  return new SpillwayError('SPILLWAY_OPTIONS_INVALID', `Expected the environment variable ${name} to hold ${expected}`);
}
