// Fetches a Java program and all it depends on from Maven Central and compiles our small main class beside it.
// In: a folder with a pom and that class. Out: `lib`, `classes`, and `jdk`, a link to a JDK that is new enough.
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { home } from './recipes.mjs';
import { progress, runRetrying } from './run.mjs';

const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

export async function installMaven({ name, recipe, part, log }) {
  const { folder, main, java } = recipe.maven;
  const source = join(home, 'maven', folder);
  const lib = join(part, 'lib');
  symlinkSync(findJdk(java), join(part, 'jdk'));
  progress(`${name} ${recipe.version}: fetching with Maven (the log: ${log})`);
  const scope = ['-DincludeScope=runtime', `-DoutputDirectory=${lib}`];
  const args = ['-q', '-B', '-f', join(source, 'pom.xml'), copyDependencies, ...scope];
  await runRetrying({ what: `mvn ${folder}`, command: 'mvn', args, log });
  await runRetrying({
    what: `javac ${main}`,
    command: join(part, 'jdk/bin/javac'),
    args: ['-cp', join(lib, '*'), '-d', join(part, 'classes'), join(source, `${main}.java`)],
    log,
  });
}

/** The oldest installed JDK that is new enough: $SPILLWAY_JAVA_HOME, or one of /usr/lib/jvm. */
function findJdk(atLeast) {
  const named = process.env.SPILLWAY_JAVA_HOME;
  if (named) return named;
  const root = '/usr/lib/jvm';
  const found = readdirSync(root)
    .map((entry) => ({ path: join(root, entry), version: majorVersion(join(root, entry)) }))
    .filter(({ version }) => version >= atLeast)
    .sort((a, b) => a.version - b.version)[0];
  if (!found)
    throw new Error(`a JDK ${atLeast} or newer is needed: none in ${root}, and SPILLWAY_JAVA_HOME is not set`);
  return found.path;
}

function majorVersion(jdk) {
  try {
    return Number(/^JAVA_VERSION="(\d+)/m.exec(readFileSync(join(jdk, 'release'), 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
