'use strict';

// Reads include/mems.h: its functions, structs and constants, for tests that compare or call them.

const { readFileSync } = require('node:fs');
const path = require('node:path');

const file = path.join(__dirname, '..', '..', 'include', 'mems.h');

/** The text on one line, without comments or extra space. */
const bare = (text) =>
  text
    .replace(/\/\*.*?\*\//gs, ' ')
    .replace(/\s+/g, ' ')
    .trim();

const text = readFileSync(file, 'utf8').replaceAll('\r', '').replace(/^#.*$/gm, '');

/** Each function's prototype, by its name. */
const functions = new Map(
  [...bare(text).matchAll(/(?<=[;{}"] ?)((?:const )?\w+ \*?(mems_\w+)\([^)]*\));/g)].map(
    ([, prototype, name]) => [name, prototype],
  ),
);

/** Each struct's fields, as lists of `type name`, by the struct's name. */
const structs = new Map(
  [...text.matchAll(/typedef struct (\w+) \{(.*?)\n\}/gs)].map(([, name, body]) => [
    name,
    bare(body)
      .split(';')
      .map((field) => field.trim())
      .filter(Boolean),
  ]),
);

/** The error codes, by their names. */
const codes = new Map(
  [...bare(text).matchAll(/(MEMS_OK|MEMS_ERROR_\w+) = (\d+)/g)].map(([, name, value]) => [
    name,
    Number(value),
  ]),
);

/** The policies, by their names. */
const policies = new Map(
  [...bare(text).matchAll(/(MEMS_POLICY_\w+) = (\d+)/g)].map(([, name, value]) => [
    name,
    Number(value),
  ]),
);

module.exports = { codes, file, functions, policies, structs };
