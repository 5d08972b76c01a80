// An empty project in a temporary folder, into which npm installs from one registry and from nowhere else.
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npm } from './pack.mjs';

const QUIET = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
const MANIFEST = { name: 'outside', version: '1.0.0', private: true };

/** What makes npm install for a platform (linux-arm64-musl) other than the one it runs on. */
export function platformFlags(platform) {
  const [os, cpu, abi] = platform.split('-');
  const libc = os === 'linux' ? [`--libc=${abi === 'gnu' ? 'glibc' : abi}`] : [];
  return [`--os=${os}`, `--cpu=${cpu}`, ...libc];
}

export class Project {
  #options;

  /**
   * Makes a project in `parent`. `registry` is its address; `cache` is the folder of npm's cache; `flags` are the flags of every
   * npm install.
   */
  static async create({ parent = tmpdir(), registry, cache, flags = [] }) {
    const project = new Project();
    // The real path, since programs report it.
    project.folder = await realpath(await mkdtemp(join(parent, 'mems-install-')));
    project.#options = { registry, cache, flags };
    await project.write('package.json', JSON.stringify(MANIFEST));
    return project;
  }

  /** This project, with other flags for npm install. */
  withFlags(flags) {
    const project = new Project();
    project.folder = this.folder;
    project.#options = { ...this.#options, flags };
    return project;
  }

  async write(name, text) {
    await writeFile(join(this.folder, name), text);
    return name;
  }

  read(name) {
    return readFile(join(this.folder, name), 'utf8');
  }

  /** Where the package `name` is, or would be. */
  path(name) {
    return join(this.folder, 'node_modules', ...name.split('/'));
  }

  /** Runs npm there with these arguments. No script of a package runs. */
  npm(...args) {
    const { registry, cache, flags } = this.#options;
    const where = [`--registry=${registry}`, `--cache=${cache}`, '--ignore-scripts'];
    return npm([...args, ...where, ...flags, ...QUIET], this.folder);
  }

  /** The names of the packages of `scope` that are installed. */
  async installed(scope) {
    const names = await readdir(this.path(scope)).catch(() => []);
    return names.map((name) => `${scope}/${name}`);
  }

  remove() {
    return rm(this.folder, { recursive: true, force: true });
  }
}
