// The form that finds operations.

import { byId } from '../lib/dom.mjs';
import { parseSize } from '../lib/numbers.mjs';

/** What can be searched for by a value: the name of its field, how it is read, and what to write instead of what cannot be read. */
const FIELDS = {
  address: { label: 'address', read: parseNumber, hint: 'Write an address, as in 1000.' },
  size: { label: 'size (4096, 64K)', read: parseSize, hint: 'Write a size, as in 4096 or 64K.' },
  age: { label: 'operations', read: parseNumber, hint: 'Write a number of operations.' },
  mark: { label: 'text', read: (text) => text },
};

/** A whole number, as pages and programs write it: '1,000', '1000n', '0x3e8'. */
function parseNumber(text) {
  const digits = text.trim().replace(/[,_]/g, '').replace(/n$/, '');
  return /^(?:\d+|0x[\da-f]+)$/i.test(digits) ? Number(digits) : undefined;
}

/**
 * Has the form find: `find({ what, value, isBack })` resolves to what the engine returns, and `onFound` shows it. `name` writes the number
 * of an operation, `none` returns what to write if nothing is found.
 */
export function listenToSearch({ find, onFound, name, none }) {
  const search = async (isBack) => {
    const what = byId('find-what').value;
    const field = FIELDS[what];
    const value = field?.read(byId('find-value').value);
    const found = byId('found');
    if (field !== undefined && value === undefined) {
      found.textContent = field.hint;
      return;
    }
    const result = await find({ what, value, isBack });
    if (result === undefined) {
      found.textContent = none();
      return;
    }
    await onFound(result);
    const end = result.isRound ? ', from the other end' : '';
    found.textContent = `Operation ${name(result.moment)}${end}.`;
  };
  byId('find-back').addEventListener('click', () => search(true));
  byId('find').addEventListener('submit', (event) => {
    event.preventDefault();
    search(false);
  });
  byId('find-what').addEventListener('change', ({ target }) => {
    const field = FIELDS[target.value];
    byId('find-field').hidden = field === undefined;
    if (field !== undefined) byId('find-field').firstChild.data = `${field.label} `;
  });
}
