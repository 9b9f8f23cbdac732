// Secrets that can be given in several ways: `bearerToken` or `bearerTokenFile`, `key`, `keyFile` or `keyEnv`.
// In: an option's name. Out: the names under which the same secret can be given otherwise.
// They are one option in several forms: together they are refused, and where options are laid over others, the form that
// comes later takes the place of the others. `headers` has none: `headersFile` holds further ones.

const secretName = /^(.*(?:token|password|key|credentials))(?:File|Env)?$/i;

/** The other forms of a secret, whether or not there are such options; none for the names of other options. */
export function otherForms(name: string): readonly string[] {
  const secret = secretName.exec(name)?.[1];
  if (secret === undefined) return [];
  return [secret, `${secret}File`, `${secret}Env`].filter((form) => form !== name);
}
