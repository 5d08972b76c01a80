// npm run docs:check [-- --write]
//
// Runs what the documents say: every session of `mems` in README.md and docs prints what is shown there, and every picture of which a
// document says by which command it is made is made again, and is the same, byte for byte. With --write such pictures are replaced.
// Pictures of pages (npm run docs:pictures) are made again if there is a browser, and have to look alike: other browsers draw other
// letters. Figures of benchmarks are from `npm run bench`, which writes them into the documents.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAlike } from './lib/alike.mjs';
import { findBrowser } from './lib/browser.mjs';
import { makePictures } from './lib/pictures.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';
import { run } from './lib/tools.mjs';

const SESSIONS = join('__test__', 'command', 'documents.test.js');
/** A command in a text that makes a picture: its words, and the picture. */
const PICTURE = /`(mems export [^`]*? -o (docs\/\S+\.svg))`/g;
const COMMAND = join(CHECKOUT, 'bin', 'mems.js');
const isWriting = process.argv.includes('--write');

/** The commands of all documents that make pictures, as [document, command, picture]. */
async function pictures() {
  const names = (await readdir(join(CHECKOUT, 'docs'))).filter((name) => name.endsWith('.md'));
  const found = [];
  for (const name of ['README.md', ...names.map((name) => join('docs', name))]) {
    const text = (await readFile(join(CHECKOUT, name), 'utf8')).replace(/\s+/g, ' ');
    for (const [, command, picture] of text.matchAll(PICTURE)) found.push([name, command, picture]);
  }
  return found;
}

/** Whether pictures of pages can be made. */
function hasBrowser() {
  try {
    findBrowser();
    return true;
  } catch (error) {
    console.log(`The pictures of pages are not made again. ${error.message}`);
    return false;
  }
}

await runScript(async () => {
  await run(process.execPath, ['--test', SESSIONS], { cwd: CHECKOUT });
  console.log('The sessions of all documents print what they show.');
  const folder = await mkdtemp(join(tmpdir(), 'mems-docs-'));
  try {
    const all = await pictures();
    if (all.length === 0) throw new Error('no document says how a picture is made');
    for (const [name, command, picture] of all) {
      const made = join(folder, 'picture.svg');
      const words = command.split(' ').slice(1);
      words[words.indexOf('-o') + 1] = made;
      await run(process.execPath, [COMMAND, ...words, '-f'], { cwd: CHECKOUT });
      const [is, was] = [await readFile(made), await readFile(join(CHECKOUT, picture))];
      if (isWriting) await writeFile(join(CHECKOUT, picture), is);
      else if (!is.equals(was)) {
        throw new Error(`${picture} is not what ${name} says: ${command} makes another picture`);
      }
      console.log(`${picture}: ${isWriting ? 'made again' : 'as it is made'}`);
    }
    for (const name of hasBrowser() ? await makePictures(folder) : []) {
      const [is, was] = [join(folder, name), join(CHECKOUT, 'docs', name)];
      expectAlike(name, await readFile(is), await readFile(was));
      console.log(`docs/${name}: looks as it is made`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
