// Tests the package as its users have it: installed, typed, bundled, in their test runners, its memory passed to the functions of
// their runtime. The head of each script says which arguments may follow its name.
//
//   npm run test:package                                  all of them
//   npm run test:package -- types bundles                 some of them
//   npm run test:package -- install windows --offline     one, with its own arguments
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const TESTS = {
  install: ['pack-all.mjs', 'test-install.mjs'],
  types: ['test-types.mjs'],
  bundles: ['test-bundles.mjs'],
  runners: ['test-runners.mjs'],
  interop: ['test-interop.mjs'],
};

/** Runs a script to its end. Returns whether it succeeded. */
function run(script, args) {
  const command = [join(FOLDER, script), ...args];
  return spawnSync(process.execPath, command, { stdio: 'inherit' }).status === 0;
}

const words = process.argv.slice(2);
const named = words.filter((word, at) => word in TESTS && words.indexOf(word) === at);
const rest = words.filter((word) => !(word in TESTS));
if (rest.length > 0 && named.length !== 1) {
  const known = Object.keys(TESTS).join(', ');
  console.error(`It is not clear what ${rest.join(' ')} is for: name one of ${known}`);
  process.exit(1);
}
let passed = true;
for (const name of named.length > 0 ? named : Object.keys(TESTS)) {
  console.log(`> ${name}`);
  const last = TESTS[name].length - 1;
  const isRight = TESTS[name].every((script, at) => run(script, at === last ? rest : []));
  passed = isRight && passed;
}
process.exit(passed ? 0 : 1);
