// Node.js for Windows x64 under Wine, for `npm run test:install -- --runner`.
import { openRuntime, runtimesOf } from '../lib/runtimes.mjs';
import { openWine } from '../lib/wine.mjs';

const TIMEOUT_MS = 180_000;
const wine = await openWine();
const runners = [];
for (const major of ['20', '22']) {
  const { binary, version } = await openRuntime(
    runtimesOf('win32-x64').get(major),
    false,
    wine.start,
  );
  runners.push({
    name: `node ${version}, Wine`,
    platform: 'win32-x64-msvc',
    runNode: (args, cwd) => wine.start(binary, args, { cwd, timeout: TIMEOUT_MS }),
  });
}
export default runners;
