// Node.js for Linux x64 with musl, for `npm run test:install -- --runner`.
import { foreignRunners } from '../lib/install-fixture.mjs';
import { muslRuntimes, openMusl } from '../lib/musl.mjs';

export default await foreignRunners(await openMusl(), {
  name: 'musl',
  known: muslRuntimes(),
  platform: 'linux-x64-musl',
  majors: ['20', '24'],
});
