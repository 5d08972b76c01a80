// What the checks of the smoke suite share.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');

// Loaded late, so that a process can leave it to its workers alone.
const api = () => require('../..');

function assertCode(code, action, text = '') {
  assert.throws(action, (error) => {
    assert.strictEqual(error.code, code, error.stack);
    assert.strictEqual(error instanceof TypeError, code === 'ERR_INVALID_ARG_TYPE', code);
    assert.ok(error instanceof Error && error.message.includes(text), error.message);
    return true;
  });
}

module.exports = { api, assertCode };
