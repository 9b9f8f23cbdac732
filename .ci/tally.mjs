// Sums vitest's JSON reports. In: their paths. Out: what failed or was skipped, by name, and last of all one line
// `<n> passed, <n> failed, <n> skipped`. Exit status 1 unless every report ran tests and all of them passed.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const sum = { passed: 0, failed: 0, skipped: 0 };
let empty = process.argv.length <= 2;

for (const path of process.argv.slice(2)) {
  const project = basename(path, '.json');
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const files = report.testResults ?? [];
  let ran = 0;
  for (const file of files) {
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      sum.failed += 1;
      console.log(`${project}: failed: ${file.name}: ${file.message}`);
    }
    for (const test of file.assertionResults) {
      const outcome = test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped';
      sum[outcome] += 1;
      if (outcome !== 'skipped') ran += 1;
      if (outcome !== 'passed') console.log(`${project}: ${outcome}: ${test.fullName} (${file.name})`);
    }
  }
  if (ran === 0) {
    empty = true;
    console.log(`${project}: no test ran`);
  }
}

console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = empty || sum.failed > 0 || sum.skipped > 0 ? 1 : 0;
