// Checks the typings with every version of TypeScript from 4.9 on, with the types of Node.js that fit it and without any, for each
// way of resolving modules. Compilers are fetched from npm into the cache.
//   npm run test:package -- types [version ...]
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addRow, reportRows, runScriptIn } from './lib/rows.mjs';
import { fromNpm } from './lib/tools.mjs';
import { compareVersions, compileProject, makeTypedProject, modulesOf } from './lib/types.mjs';

const VERSIONS = ['4.9.5', '5.0.4', '5.2.2', '5.4.5', '5.6.3', '5.7.3', '5.9.3', '6.0.3', '7.0.2'];
// The types of Node.js serve the TypeScript of two years.
const typesFor = (version) => (compareVersions(version, '5.6') < 0 ? '20.9.0' : '26.6.6');

/** Where npm has put the package `name@version`, in a folder of its own of the cache. */
async function packageFolder(name, version) {
  const folder = await fromNpm(`${name.replace('/', '+')}@${version}`, { [name]: version });
  return join(folder, 'node_modules', ...name.split('/'));
}

await runScriptIn('mems-types-', async (scratch) => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const rows = [];
  for (const version of positionals.length > 0 ? positionals : VERSIONS) {
    const typescript = await packageFolder('typescript', version);
    for (const types of [undefined, typesFor(version)]) {
      const project = await mkdtemp(join(scratch, `${version}-`));
      const nodeTypes = types && (await packageFolder('@types/node', types));
      await makeTypedProject(project, version, nodeTypes);
      for (const module of modulesOf(version)) {
        const row = { typescript: version, '@types/node': types ?? 'none', module };
        await addRow(rows, row, async () => {
          const errors = await compileProject(project, typescript, module);
          if (errors) throw new Error(errors);
        });
      }
    }
  }
  reportRows(rows);
});
