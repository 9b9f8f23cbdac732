// Installs Python packages into a folder of their own. In: a folder with requirements.txt that pins all of them.
// Out: `site`, a folder for PYTHONPATH; the machine's Python is left as it is.
import { join } from 'node:path';
import { home } from './recipes.mjs';
import { progress, runRetrying } from './run.mjs';

export async function installPip({ name, recipe, part, log }) {
  progress(`${name} ${recipe.version}: installing with pip (the log: ${log})`);
  const quiet = ['--disable-pip-version-check', '--no-input', '--root-user-action=ignore'];
  const what = ['--target', join(part, 'site'), '-r', join(home, 'pip', recipe.pip.folder, 'requirements.txt')];
  await runRetrying({
    what: `pip install ${name}`,
    command: 'python3',
    args: ['-m', 'pip', 'install', ...quiet, ...what],
    log,
  });
}
