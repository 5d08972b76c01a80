// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

// How much memory the process has. QEMU reports 0 to a program; what Linux reports for QEMU includes the program's memory.

const fs = require('fs');

/** Whether the program runs under QEMU. */
const isEmulated = () => process.memoryUsage().rss === 0;

/** Bytes of the process that are in memory. */
function rss() {
  if (!isEmulated()) return process.memoryUsage().rss;
  return /^VmRSS:\s*(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1] * 1024;
}

module.exports = { isEmulated, rss };
