// The variables that Datadog's own libraries read, as options.
// In: an environment. Out: options, as plain data, for those that the code leaves out.
// Source: docs.datadoghq.com, "Unified Service Tagging" and the agent's environment variables.

type Environment = Readonly<Record<string, string | undefined>>;

/** What variables can say. */
export interface DatadogEnvironment {
  readonly site?: string;
  readonly apiKey?: string;
  readonly service?: string;
  readonly hostname?: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Reads the variables. */
export function readEnvironment(environment: Environment): DatadogEnvironment {
  const variable = (name: string) => environment[name]?.trim() || undefined;
  const [site, apiKey, service] = [variable('DD_SITE'), variable('DD_API_KEY'), variable('DD_SERVICE')];
  const [hostname, env, version] = [variable('DD_HOSTNAME'), variable('DD_ENV'), variable('DD_VERSION')];
  return {
    ...(site && { site }),
    ...(apiKey && { apiKey }),
    ...(service && { service }),
    ...(hostname && { hostname }),
    tags: { ...tagsOf(variable('DD_TAGS')), ...(env && { env }), ...(version && { version }) },
  };
}

/** `key:value` pairs, between commas or spaces. */
function tagsOf(text = ''): Record<string, string> {
  const pairs = text.split(/[,\s]+/).map((pair) => /^([^:]+):(.+)$/.exec(pair));
  return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1]!, pair[2]!]] : [])));
}
