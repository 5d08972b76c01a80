// Smoke suite for every runtime: no test framework, and only what Node 14, Bun and Deno all have.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const { existsSync } = require('fs');
const { isAbsolute } = require('path');
const url = require('url');
const { quietly } = require('./helpers/console.js');
const { api } = require('./smoke/api.js');
const more = require('./smoke/more.js');
const seed = require('./smoke/seed.js');
const services = require('./smoke/services.js');
const { addonOnlyInWorkers, workerSharesTheHeap } = require('./smoke/workers.js');

async function namedEsmImport() {
  const module = await import(url.pathToFileURL(require.resolve('..')).href);
  for (const name of Object.keys(api())) assert.strictEqual(module[name], api()[name], name);
  assert.strictEqual(module.default, api());
}

function libraryPath() {
  const { library } = api();
  assert.ok(isAbsolute(library) && library.endsWith('.node') && existsSync(library), library);
}

const CHECKS = [
  ...Object.values(seed),
  namedEsmImport,
  workerSharesTheHeap,
  addonOnlyInWorkers,
  libraryPath,
  ...Object.values(more),
  ...Object.values(services),
];

// Ends the heap that the check before may have left, and starts a new one.
function freshHeap() {
  try {
    quietly(api().finish);
  } catch (error) {
    if (error.code !== 'ERR_MEMS_NOT_INITIALIZED') throw error;
  }
  api().init();
}

async function runChecks() {
  let failed = 0;
  for (const check of CHECKS) {
    try {
      freshHeap();
      await check();
      console.log(`ok ${check.name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${check.name}: ${error.stack}`);
    }
  }
  console.log(`${CHECKS.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

runChecks();
