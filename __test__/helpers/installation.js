'use strict';

// A project outside the checkout in which the package is installed, with stand-ins for platform packages, for tests of the loader.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const manifest = require('../../package.json');

const CHECKOUT = path.join(__dirname, '..', '..');
const SHIPPED = ['package.json', 'index.js', 'binding.js', 'lib'];

class Installation {
  constructor() {
    // The real path, since errors name it.
    const made = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-load-'));
    this.folder = fs.realpathSync.native(made);
    this.modules = path.join(this.folder, 'node_modules');
    this.main = this.path(manifest.name);
    for (const name of SHIPPED) {
      fs.cpSync(path.join(CHECKOUT, name), path.join(this.main, name), { recursive: true });
    }
  }

  /** Where the package `name` is, or would be. */
  path(name) {
    return path.join(this.modules, ...name.split('/'));
  }

  /** Writes a file below the project's folder, and returns its path. */
  write(name, content) {
    const file = path.resolve(this.folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    return file;
  }

  /** Installs a package for `platform`; `addon` is its file's content, and none if that is undefined. */
  addPackage(platform, addon, version = manifest.version) {
    const name = `${manifest.name}-${platform}`;
    const main = `mems.${platform}.node`;
    const text = JSON.stringify({ name, version, main });
    this.write(path.join(this.path(name), 'package.json'), text);
    if (addon !== undefined) this.write(path.join(this.path(name), main), addon);
    return path.join(this.path(name), main);
  }

  /** Changes the loader as a bundler does that finds no addon: each require of one throws `error`. */
  bundle(error) {
    const file = path.join(this.main, 'binding.js');
    const text = fs.readFileSync(file, 'utf8');
    const replaced = text.replace(/return require\('[^']*'\)(\.version)?/g, `throw ${error}`);
    if (replaced === text) throw new Error('binding.js has no require of an addon');
    fs.writeFileSync(file, replaced);
  }

  /**
   * Loads the package in a process of its own, started with `flags`, in which `before` has run, and returns what loading it
   * throws, as { code, message, cause }, or the path of the addon, as { library }.
   */
  load({ before = '', env = {}, flags = [] } = {}) {
    const program = `${before}
      let answer;
      try {
        answer = { library: require('${manifest.name}').library };
      } catch ({ code, message, cause }) {
        answer = { code, message, cause: cause && cause.code };
      }
      console.log(JSON.stringify(answer));`;
    const file = this.write('load.js', program);
    const environment = { ...process.env, ...env };
    if (!('MEMS_LIBRARY_PATH' in env)) delete environment.MEMS_LIBRARY_PATH;
    const options = { cwd: this.folder, env: environment, encoding: 'utf8' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, file], options);
    if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
    return JSON.parse(stdout);
  }

  remove() {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

module.exports = { Installation };
