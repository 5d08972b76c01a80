// Writes __test__/fixtures/cases.json, the cases that the tests' model shares with Rust. Run it after a change of the model's rules.
//   npm run cases
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import cases from '../__test__/helpers/cases.js';
import { CHECKOUT } from './lib/runtimes.mjs';

await writeFile(join(CHECKOUT, '__test__', 'fixtures', 'cases.json'), cases.casesText());
