'use strict';

// The user `nobody`, for tests of what another user may not do.

const { spawnSync } = require('node:child_process');

/** The number of the user and the group. */
const NOBODY = 65534;

/** Whether programs can run as nobody: root can do that, but not in a namespace that has no other user. */
const hasNobody = () =>
  process.getuid?.() === 0 && spawnSync('true', { uid: NOBODY, gid: NOBODY }).status === 0;

module.exports = { NOBODY, hasNobody };
