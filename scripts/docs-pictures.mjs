// Makes the pictures of pages in the documents: npm run docs:pictures
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { makePictures } from './lib/pictures.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';

/** Bytes that a picture may have, so that a clone stays small. */
const MOST = 300_000;

await runScript(async () => {
  const folder = join(CHECKOUT, 'docs');
  for (const name of await makePictures(folder)) {
    const path = join(folder, name);
    const { size } = await stat(path);
    console.log(`${relative(CHECKOUT, path)}: ${size} bytes`);
    if (size > MOST) throw new Error(`${path} has more than ${MOST} bytes`);
  }
});
