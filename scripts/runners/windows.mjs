// Node.js for Windows x64 under Wine, for `npm run test:install -- --runner`.
import { foreignRunners } from '../lib/install-fixture.mjs';
import { openWine } from '../lib/wine.mjs';

export default await foreignRunners(await openWine(), {
  name: 'Wine',
  host: 'win32-x64',
  platform: 'win32-x64-msvc',
  majors: ['20', '22'],
});
