// Checks the typings as a project in TypeScript sees them, with the types of Node.js or without, with any compiler. skipLibCheck
// is off, so that mistakes in the typings themselves are found too.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT, start } from './runtimes.mjs';

const NAME = '@sambhav-gautam/osmemoryallocator';
const TIMEOUT_MS = 300_000;

/** How modules are resolved, and in which files the program is then. */
const MODULES = {
  node16: { moduleResolution: 'node16', files: ['usage.ts', 'usage.mts'] },
  nodenext: { moduleResolution: 'nodenext', files: ['usage.ts', 'usage.mts'] },
  commonjs: { moduleResolution: 'node', files: ['usage.ts'] },
  esnext: { moduleResolution: 'bundler', files: ['usage.ts'] },
};

// What the typings must have with the types of Node.js, and without.
const WITH_NODE = `
export const real: Buffer = handle.view;
export const node: number = read(grown).writeUInt32LE(1);
`;
const WITHOUT_NODE = `
declare const console: { log(...values: unknown[]): void };
export const plain: Uint8Array = handle.view;
export const some: string = read(grown).toString('latin1', 0, 4) + read(grown).equals(plain);
// @ts-expect-error no Buffer without its types
export const node: number = read(grown).writeUInt32LE(1);
`;
// The adapters that need no other package's types.
const ADAPTERS = `
import { KeyvStore } from '${NAME}/keyv';
import { LRUCache } from '${NAME}/lru-cache';
import { cacheHandler } from '${NAME}/next';
export const has: Promise<boolean> = new KeyvStore(Heap.open('a'), { ttl: 5 }).has('b');
export const cached: number | undefined = new LRUCache<string, number>({ heap: new Heap(), max: 5 }).get('a');
export const revalidated: Promise<void> = new (cacheHandler(new Heap({ addresses: 'number' })))().revalidateTag('a');
// @ts-expect-error a value is no string
new LRUCache<string, number>({ heap: new Heap(), max: 5 }).set('a', 'b');
`;
// One mistake on each line: they prove that nothing is `any`.
const MISTAKES = `
// @ts-expect-error a size is no string
malloc('8');
// @ts-expect-error a Buffer is no number
export const notBytes: number = buffer(grown);
// @ts-expect-error nor is what disposes of a block
export const notDispose: number = handle[Symbol.dispose];
export const disposed: void = handle[Symbol.dispose]();
`;

/** The program of `__test__/types/usage.ts` as a compiler of `version` reads it. */
async function program(version, nodeTypes) {
  let text = await readFile(join(CHECKOUT, '__test__', 'types', 'usage.ts'), 'utf8');
  // `using` came with TypeScript 5.2.
  if (compareVersions(version, '5.2') < 0) text = text.replace(/\busing (\w+ =)/g, 'const $1');
  if (!nodeTypes) text = text.replace(/: Buffer\b/g, ': ReturnType<typeof buffer>');
  return text + (nodeTypes ? WITH_NODE : WITHOUT_NODE) + ADAPTERS + MISTAKES;
}

export const compareVersions = (one, other) => one.localeCompare(other, 'en', { numeric: true });

/** The modules that a compiler of `version` knows. */
export function modulesOf(version) {
  const bundlers = compareVersions(version, '5.0') >= 0;
  // The old way of resolving modules is deprecated in 6, and removed in 7.
  const old = compareVersions(version, '6.0') < 0;
  return ['node16', 'nodenext', ...(old ? ['commonjs'] : []), ...(bundlers ? ['esnext'] : [])];
}

/**
 * Makes a project in the empty folder `at` that has the package, and the types of Node.js in the folder `nodeTypes` if there
 * is one, for a compiler of `version`.
 */
export async function makeTypedProject(at, version, nodeTypes) {
  const modules = join(at, 'node_modules');
  const main = join(modules, NAME);
  await mkdir(main, { recursive: true });
  // Copies: a link would find the types that the checkout has.
  for (const name of ['package.json', 'index.d.ts', 'index.js']) {
    await cp(join(CHECKOUT, name), join(main, name));
  }
  await cp(join(CHECKOUT, 'adapters'), join(main, 'adapters'), { recursive: true });
  if (nodeTypes) {
    await mkdir(join(modules, '@types'));
    await symlink(nodeTypes, join(modules, '@types', 'node'), 'junction');
  }
  const text = await program(version, nodeTypes);
  for (const name of ['usage.ts', 'usage.mts']) await writeFile(join(at, name), text);
}

/** Compiles the project with the compiler in the folder `typescript`, and returns what it reports: nothing if all is well. */
export async function compileProject(at, typescript, module) {
  const { files, moduleResolution } = MODULES[module];
  const config = join(at, `tsconfig.${module}.json`);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    esModuleInterop: true,
    skipLibCheck: false,
    target: 'es2020',
    lib: ['es2020'],
    types: [],
    module,
    moduleResolution,
  };
  await writeFile(config, JSON.stringify({ compilerOptions, files }));
  const args = [join(typescript, 'bin', 'tsc'), '--pretty', 'false', '-p', config];
  const { code, reason, output } = await start(process.execPath, args, {
    cwd: at,
    timeout: TIMEOUT_MS,
  });
  return code === 0 ? '' : `${reason}: ${output}`;
}
