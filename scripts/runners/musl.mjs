// Node.js for Linux x64 with musl, for `npm run test:install -- --runner`.
import { muslRuntimes, openMusl } from '../lib/musl.mjs';
import { openRuntime } from '../lib/runtimes.mjs';

const TIMEOUT_MS = 180_000;
const musl = await openMusl();
const runners = [];
for (const major of ['20', '24']) {
  const { binary, version } = await openRuntime(muslRuntimes().get(major), false, musl.start);
  runners.push({
    name: `node ${version}, musl`,
    platform: 'linux-x64-musl',
    runNode: (args, cwd) => musl.start(binary, args, { cwd, timeout: TIMEOUT_MS }),
  });
}
export default runners;
