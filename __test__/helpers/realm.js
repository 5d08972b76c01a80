'use strict';

// Loads the package as test runners do: its JavaScript is evaluated in a context of node:vm, which has an Error, an Object and an
// Array of its own; the addon and Node's own modules come from outside.

const { readFileSync } = require('node:fs');
const { createRequire, isBuiltin } = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const MAIN = path.join(__dirname, '../../index.js');

/** A new context, and the package's exports in it. */
function loadInRealm() {
  const context = vm.createContext({ Buffer, console, process });
  const modules = new Map();
  const load = (file) => {
    if (modules.has(file)) return modules.get(file).exports;
    const module = { exports: {} };
    modules.set(file, module);
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.json')) {
      module.exports = vm.runInContext(`(${text})`, context);
      return module.exports;
    }
    const outside = createRequire(file);
    const require = (name) => {
      const found = isBuiltin(name) ? name : outside.resolve(name);
      return isBuiltin(name) || found.endsWith('.node') ? outside(found) : load(found);
    };
    const names = ['module', 'exports', 'require', '__filename', '__dirname'];
    const options = { parsingContext: context, filename: file };
    const run = vm.compileFunction(text, names, options);
    run(module, module.exports, require, file, path.dirname(file));
    return module.exports;
  };
  return { context, mems: load(MAIN) };
}

module.exports = { loadInRealm };
