// Checks that each part of the code uses only what is below it, and that no two parts use each other, directly or through others.
//   npm run lint -- floors
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { CHECKOUT } from './lib/runtimes.mjs';

/** The rooms of `src`, the lowest floor first. A room uses rooms of lower floors, and none of its own floor. */
const FLOORS = [
  ['checksum', 'page', 'pause', 'system_error', 'table'],
  ['file_error', 'map_error'],
  ['error'],
  ['heap', 'memory', 'recording'],
  ['mems'],
  ['process'],
  ['node', 'c'],
];

/** The folders of JavaScript in which no file may lead back to itself. */
const SCRIPTS = ['lib', 'adapters', 'bench', 'scripts', 'command', 'pages'];

const floorOf = (room) => FLOORS.findIndex((rooms) => rooms.includes(room));

/** The files of a folder with one of these endings, by their paths in the checkout. */
async function files(folder, endings) {
  const entries = await readdir(join(CHECKOUT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && endings.test(entry.name))
    .map((entry) => relative(CHECKOUT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !/node_modules|\/target\//.test(file))
    .sort();
}

/** Paths that the text after `use` names, each as { names, as }: `a::{b, c::d as e}` names two. */
function* named(text, before = []) {
  const brace = text.indexOf('{');
  const [path, alias] = (brace < 0 ? text : text.slice(0, brace)).split(/\bas\b/);
  const names = [...before, ...path.split('::').map((name) => name.trim())].filter(Boolean);
  if (brace < 0) {
    if (names.at(-1) === 'self') names.pop();
    yield { names, as: alias?.trim() ?? names.at(-1) };
    return;
  }
  let depth = 0;
  let start = brace + 1;
  for (let at = start; at < text.length; at += 1) {
    const done = depth === 0 && /[,}]/.test(text[at]);
    if (done && text.slice(start, at).trim() !== '') yield* named(text.slice(start, at), names);
    if (done) start = at + 1;
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
  }
}

/** What a file of Rust uses and re-exports, as paths; its tests may use anything. */
function uses(text) {
  const code = text
    .replace(/#\[cfg\(test\)\][^;{]*\bmod \w+ \{[\s\S]*/, '')
    // In a module inside of the file, `super` is the file.
    .replace(/^(?:pub(?:\([^)]*\))? )?mod \w+ \{\n([\s\S]*?)(?:\n\}|(?![\s\S]))/gm, (_, inside) =>
      inside.replace(/(?<!::)\bsuper::/g, 'self::'),
    )
    .replace(/"(?:\\[\s\S]|[^"\\])*"|\/\/.*/g, '');
  const used = [];
  const handedOn = new Map();
  const rest = code.replace(/(\bpub(?:\([^)]*\))? )?\buse ([^;]+);/g, (_, isPublic, tree) => {
    for (const { names, as } of named(tree)) {
      used.push(names);
      if (isPublic) handedOn.set(as, names);
    }
    return '';
  });
  for (const [path] of rest.matchAll(/\b(?:crate|super|self)(?:::\w+)+/g))
    used.push(path.split('::'));
  return { used, handedOn };
}

/** The modules that a crate's files are, by name. */
async function modules(folder) {
  const found = new Map();
  for (const file of await files(folder, /(?<!tests)\.rs$/)) {
    const name = relative(folder, file)
      .replaceAll('\\', '/')
      .replace(/\.rs$|\/mod\.rs$/g, '')
      .replaceAll('/', '::');
    found.set(name === 'lib' ? '' : name, {
      file,
      ...uses(await readFile(join(CHECKOUT, file), 'utf8')),
    });
  }
  return found;
}

const parentOf = (module) => module.split('::').slice(0, -1).join('::');
const join2 = (module, name) => (module === '' ? name : `${module}::${name}`);

/** The module that defines what a path names; undefined if it is in another crate. */
function target(all, from, path, seen = 0) {
  const [first, ...rest] = path;
  let module = from;
  let names = rest;
  if (first === 'crate') module = '';
  else if (first === 'super') module = parentOf(from);
  else if (first !== 'self') {
    if (!all.has(join2(from, first))) return undefined;
    names = path;
  }
  while (names.length > 0) {
    const [name, ...others] = names;
    if (name === 'super') module = parentOf(module);
    else if (all.has(join2(module, name))) module = join2(module, name);
    else {
      const handedOn = all.get(module)?.handedOn.get(name);
      const elsewhere = handedOn && seen < 9 && target(all, module, handedOn, seen + 1);
      return elsewhere || module;
    }
    names = others;
  }
  return module;
}

const holds = (outer, inner) => outer === '' || inner === outer || inner.startsWith(`${outer}::`);

/** The first circle in a graph of arrows, as a list of its nodes. */
function circle(arrows) {
  const done = new Set();
  const path = [];
  const visit = (node) => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    path.push(node);
    for (const next of arrows.get(node) ?? []) {
      const found = visit(next);
      if (found) return found;
    }
    path.pop();
    done.add(node);
    return undefined;
  };
  for (const node of arrows.keys()) {
    const found = visit(node);
    if (found) return found;
  }
  return undefined;
}

/** The problems with the uses in the crate of a folder. Inside a module, its parts are looked at as wholes. */
async function crate(folder, floors) {
  const problems = [];
  const all = await modules(folder);
  /** The arrows among the parts of each module, by module. */
  const inside = new Map();
  for (const [module, { file, used }] of all) {
    if (module === '') continue;
    if (used.some(([first, name]) => first === 'crate' && /^[A-Z]/.test(name))) {
      problems.push(`${file} uses what the roof, lib.rs, re-exports`);
    }
    const [room] = module.split('::');
    for (const to of new Set(used.map((path) => target(all, module, path)))) {
      if (to === undefined || holds(to, module) || holds(module, to)) {
        continue;
      }
      const [other] = to.split('::');
      if (floors && other !== room && floorOf(other) >= floorOf(room)) {
        problems.push(`${file} uses ${to}, which is not below it`);
      }
      const [mine, theirs] = [module.split('::'), to.split('::')];
      const at = mine.findIndex((name, depth) => name !== theirs[depth]);
      const parts = inside.get(mine.slice(0, at).join('::')) ?? new Map();
      inside.set(mine.slice(0, at).join('::'), parts);
      const part = mine.slice(0, at + 1).join('::');
      parts.set(part, (parts.get(part) ?? new Set()).add(theirs.slice(0, at + 1).join('::')));
    }
  }
  if (floors) {
    const rooms = [...all.keys()].filter((name) => name !== '' && !name.includes('::'));
    const homeless = rooms.filter((room) => floorOf(room) < 0);
    problems.push(
      ...homeless.map((room) => `${folder}/${room} has no floor in scripts/lint-floors.mjs`),
    );
  }
  for (const parts of inside.values()) {
    const found = circle(parts);
    if (found) problems.push(`${folder}: a circle, ${found.join(' uses ')}`);
  }
  return problems;
}

/** The JavaScript files of a folder that lead back to themselves. */
async function scripts(folder) {
  const arrows = new Map();
  for (const file of await files(folder, /\.[cm]?js$/)) {
    const text = await readFile(join(CHECKOUT, file), 'utf8');
    const named = text.matchAll(/(?:\brequire\(|\bfrom |\bimport\(?)\s*'(\.[^']*)'/g);
    arrows.set(
      file,
      new Set([...named].map(([, path]) => join(dirname(file), path).replaceAll('\\', '/'))),
    );
  }
  const found = circle(arrows);
  return found ? [`a circle: ${found.join(' uses ')}`] : [];
}

const problems = [
  ...(await crate('src', true)),
  ...(await crate('bench/native/src', false)),
  ...(await Promise.all(SCRIPTS.map(scripts))).flat(),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
