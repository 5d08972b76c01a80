// Node.js for Linux arm64 under QEMU, for `npm run test:install -- --runner`.
import { foreignRunners } from '../lib/install-fixture.mjs';
import { openQemu } from '../lib/qemu.mjs';

export default await foreignRunners(await openQemu(), {
  name: 'QEMU',
  host: 'linux-arm64',
  platform: 'linux-arm64-gnu',
  majors: ['14', '24'],
});
