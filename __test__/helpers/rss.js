// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

// How much memory the process has. QEMU tells a program 0 of itself; what Linux says of QEMU includes the program's.

const fs = require('fs');

/** Whether the program runs under QEMU. */
const isEmulated = () => process.memoryUsage().rss === 0;

/** Bytes of the process that are in memory. */
function rss() {
  if (!isEmulated()) return process.memoryUsage().rss;
  return /^VmRSS:\s*(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1] * 1024;
}

module.exports = { isEmulated, rss };
