// The process that alone.js starts: node bench/lib/child.js MODULE

'use strict';

const { tasks } = require(process.argv[2]);

process.on('message', async ({ name, args }) => {
  try {
    process.send({ result: await tasks[name](...args) });
  } catch (error) {
    process.send({ error: error.stack });
  }
});
