// The files that AWS' tools share: ~/.aws/credentials and ~/.aws/config.
// In: a profile's name and the environment. Out: its settings, those of the credentials file first.
// A file that is not there is an empty one; SSO, processes and chains of roles are left to AWS' own tools.

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Larger is no file of AWS' tools. */
const maxBytes = 1_048_576;

/** The settings of a profile; none if neither file has it. */
export async function readProfile(name: string, env: Environment): Promise<Readonly<Record<string, string>>> {
  const home = env.HOME || env.USERPROFILE || homedir();
  const [credentials, config] = await Promise.all([
    readSections(env.AWS_SHARED_CREDENTIALS_FILE || join(home, '.aws', 'credentials')),
    readSections(env.AWS_CONFIG_FILE || join(home, '.aws', 'config')),
  ]);
  const inConfig = config.get(`profile ${name}`) ?? (name === 'default' ? config.get(name) : undefined);
  return { ...inConfig, ...credentials.get(name) };
}

async function readSections(path: string): Promise<Map<string, Record<string, string>>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.length > maxBytes ? new Map() : parseSections(text);
}

/** `[section]`, `name = value`; lines that are indented belong to a value that we have no use for. */
function parseSections(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let section: Record<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header) {
      const name = header[1]!.replace(/\s+/g, ' ').replace(/"/g, '');
      section = sections.get(name) ?? {};
      sections.set(name, section);
      continue;
    }
    const setting = /^([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line);
    if (section && setting) section[setting[1]!.toLowerCase()] = setting[2]!;
  }
  return sections;
}
