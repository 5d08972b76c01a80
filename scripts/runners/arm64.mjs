// Node.js for Linux arm64 under QEMU, for `npm run test:install -- --runner`.
import { openQemu } from '../lib/qemu.mjs';
import { openRuntime, runtimesOf } from '../lib/runtimes.mjs';

const TIMEOUT_MS = 180_000;
const qemu = await openQemu();
const runners = [];
for (const major of ['14', '24']) {
  const { binary, version } = await openRuntime(
    runtimesOf('linux-arm64').get(major),
    false,
    qemu.start,
  );
  runners.push({
    name: `node ${version}, QEMU`,
    platform: 'linux-arm64-gnu',
    runNode: (args, cwd) => qemu.start(binary, args, { cwd, timeout: TIMEOUT_MS }),
  });
}
export default runners;
