// Documents made from figures: texts with places that are filled.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './process.mjs';

/**
 * The text of bench/`name`, with `{{part}}` replaced by the part of that name. The text between the lines `{{#part}}` and
 * `{{/part}}` is left out if the part is empty: its figures were not measured.
 */
export function fill(name, parts) {
  const text = readFileSync(path.join(root, 'bench', name), 'utf8');
  const part = (wanted) => {
    if (!(wanted in parts)) throw new Error(`bench/${name} asks for ${wanted}, which is not known`);
    return parts[wanted];
  };
  return text
    .replace(/\{\{#([\w-]+)\}\}\n(.*?)\{\{\/\1\}\}\n/gs, (_, wanted, inside) =>
      part(wanted) === '' ? '' : inside,
    )
    .replace(/\{\{([\w-]+)\}\}/g, (_, wanted) => part(wanted));
}
