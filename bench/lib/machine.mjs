// The machine and the system, on which the figures of a run depend.

import os from 'node:os';
import { run } from './process.mjs';

export async function machine() {
  const [cpu] = os.cpus();
  const libc = process.report.getReport().header.glibcVersionRuntime;
  const release = os.release().match(/^\d+\.\d+/)?.[0] ?? '';
  return {
    cpu: cpu.model,
    processors: os.cpus().length,
    memory: os.totalmem(),
    system: `${os.type()} ${release}${libc ? `, glibc ${libc}` : ''}`,
    rustc: (await run('rustc', ['--version'])).trim().replace(/ \(.*/, ''),
    node: process.version,
  };
}
