// Unpacks Debian packages, and what they need that this machine lacks, into a folder of the cache: nothing is installed, no
// service is started, and packages that conflict can both be had. In: names of packages. Out: their files in the part folder.
// Always true: apt works on lists of its own in the part folder, so that root is not needed and nobody else's apt is disturbed.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { progress, runRetrying } from './run.mjs';

export async function unpackDebian({ name, recipe, part, log }) {
  const { packages } = recipe.debian;
  progress(`${name} ${recipe.version}: unpacking Debian's ${packages.join(', ')}`);
  const apt = join(part, '.apt');
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, folder), { recursive: true });
  const settings = {
    'Dir::State::Lists': join(apt, 'lists'),
    'Dir::Cache::Archives': join(apt, 'archives'),
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Debug::NoLocking': '1',
    'APT::Sandbox::User': '',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const aptGet = (...args) =>
    runRetrying({ what: `apt-get ${args.at(-1)}`, command: 'apt-get', args: [...options, '-q', ...args], log });

  await aptGet('update');
  // Reinstall: a package that this machine has must be downloaded all the same.
  const install = ['install', '-y', '--no-install-recommends', '--download-only', '--reinstall'];
  await aptGet(...install, ...packages);
  for (const archive of readdirSync(join(apt, 'archives')).filter((file) => file.endsWith('.deb'))) {
    const args = ['--extract', join(apt, 'archives', archive), part];
    await runRetrying({ what: `unpack ${archive}`, command: 'dpkg-deb', args, log });
  }
  rmSync(apt, { recursive: true });
}
