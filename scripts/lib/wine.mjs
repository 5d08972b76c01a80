// Windows x64 programs under Wine, which is fetched into the cache and keeps its Windows there.
//
// Two things are added to it. Rust's standard library takes random numbers from bcryptprimitives.dll, which Wine 8 lacks:
// a library with that one function is built. And Node.js runs on Windows 10 or newer only: Wine is told to be one.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './runtimes.mjs';
import { mingw } from './rust.mjs';
import { fromDebian, run, tool } from './tools.mjs';

const RANDOM = `
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length) {
  return SystemFunction036(bytes, (ULONG)length);
}
`;
const SETUP_TIMEOUT_MS = 300_000;
const LIBRARIES = ['usr', 'lib', 'x86_64-linux-gnu'];

/** Puts the server where Wine looks for it: a script is there, which knows only the system's folders. */
async function finish(folder) {
  const programs = join(folder, 'usr', 'lib', 'wine');
  await copyFile(join(programs, 'wineserver64'), join(programs, 'wineserver'));
}

/** Starts a program with its output in a file, as Wine's first process must, and returns as start() does. */
async function startToFile(command, args, options) {
  const folder = await mkdtemp(join(tmpdir(), 'mems-wine-'));
  const file = join(folder, 'output');
  try {
    const shell = ['-c', 'exec "$@" >"$0" 2>&1 </dev/null', file, command, ...args];
    const { code, reason, output } = await start('/bin/sh', shell, options);
    return { code, reason, output: output + (await readFile(file, 'utf8').catch(() => '')) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns `{ start(program, args, options) }`, which runs Windows programs as start() in runtimes.mjs does its own. */
export async function openWine() {
  const wine = await fromDebian('wine', ['wine64'], { finish });
  const programs = join(wine, 'usr', 'lib', 'wine');
  const libraries = join(wine, ...LIBRARIES);
  const environment = (prefix) => {
    const { DISPLAY: _, ...env } = process.env;
    return {
      ...env,
      LD_LIBRARY_PATH: libraries,
      WINEPREFIX: prefix,
      WINEARCH: 'win64',
      WINEDEBUG: '-all',
    };
  };
  const wine64 = join(programs, 'wine64');
  const prefix = await tool('windows', async (folder) => {
    const env = environment(folder);
    const options = { env, timeout: SETUP_TIMEOUT_MS };
    const system = join(folder, 'drive_c', 'windows', 'system32');
    await mkdir(system, { recursive: true });
    // Debian's Wine looks for this one in a folder of the system.
    const zlib = join(wine, 'usr', 'x86_64-w64-mingw32', 'lib', 'zlib1.dll');
    await copyFile(zlib, join(system, 'zlib1.dll'));
    // This always fails at its end, since there is no Wine for 32 bits: the next step shows whether its work is done.
    await startToFile(wine64, ['wineboot', '-i'], options);
    const version = ['HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'];
    const { code, reason, output } = await startToFile(wine64, ['reg', 'add', ...version], options);
    if (code !== 0) throw new Error(`Wine cannot be set up: ${reason}: ${output}`);
    const source = join(folder, 'random.c');
    await writeFile(source, RANDOM);
    const library = join(system, 'bcryptprimitives.dll');
    const { compiler } = await mingw();
    await run(compiler, ['-shared', '-O', source, '-o', library, '-ladvapi32']);
    await run(join(programs, 'wineserver'), ['-w'], { env });
  });
  return {
    start: (program, args, { env, ...options } = {}) =>
      startToFile(wine64, [program, ...args], {
        ...options,
        env: { ...environment(prefix), ...env },
      }),
  };
}
