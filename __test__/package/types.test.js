'use strict';

// The typings compile with the oldest TypeScript that they support and with the newest, with the types of Node.js and without.
// `npm run test:package -- types` tries the versions in between.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');

const MODULES = path.join(__dirname, '..', '..', 'node_modules');
const NODE_TYPES = path.join(MODULES, '@types', 'node');

describe('the typings', () => {
  let scratch;
  before(async () => {
    scratch = await fs.mkdtemp(path.join(os.tmpdir(), 'mems-typings-'));
  });
  after(() => fs.rm(scratch, { recursive: true, force: true }));

  for (const [folder, nodeTypes, modules] of [
    // The types of Node.js that are installed here are for newer ones.
    ['typescript-oldest', undefined, ['node16', 'commonjs']],
    ['typescript', undefined, ['node16', 'esnext']],
    ['typescript', NODE_TYPES, ['node16']],
  ]) {
    const typescript = path.join(MODULES, folder);
    const { version } = require(path.join(typescript, 'package.json'));
    test(`compile under TypeScript ${version}, ${nodeTypes ? 'with' : 'without'} those of Node.js`, async () => {
      const { compileProject, makeTypedProject } = await import('../../scripts/lib/types.mjs');
      const project = await fs.mkdtemp(path.join(scratch, 'project-'));
      await makeTypedProject(project, version, nodeTypes);
      for (const module of modules) {
        assert.equal(await compileProject(project, typescript, module), '', module);
      }
    });
  }
});
