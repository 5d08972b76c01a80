'use strict';

// A process that fetches: node fetcher.js FILE. Messages to it: `{ key, lease }` to fetch; `{ end }` and `{ fail }`, what the value
// that is made is to be, or the message of an error. Messages from it: `{ ready }`; `{ asked }`; `{ makes }`; `{ value }` or `{ error }`.

const { Heap } = require('../..');

const map = Heap.open(process.argv[2]).map('pages', { encoding: 'json' });
let settle;

process.on('message', async ({ key, lease, end, fail }) => {
  if (key === undefined) {
    settle(end, fail);
    return;
  }
  const make = () => {
    process.send({ makes: key });
    return new Promise((resolve, reject) => {
      settle = (value, message) => (message ? reject(new Error(message)) : resolve(value));
    });
  };
  const value = map.fetch(key, make, { lease });
  process.send({ asked: key });
  try {
    process.send({ value: await value });
  } catch (error) {
    process.send({ error: error.message });
  }
});
process.send({ ready: true });
