// What the command `mems` uses of a page's code.

export { joinParts, splitParts } from '../lib/data.mjs';
export { sizeValue, valuesOf } from './colours.mjs';
export { edgesOf } from './edges.mjs';
export { Column, FIRST_ADDRESS, NEVER, NONE, operationsOf } from './history.mjs';
export { fractions, Layout } from './layout.mjs';
export { pack, unpack } from './pack.mjs';
export { css, THEMES, viridis } from './palette.mjs';
export { Painter } from './picture.mjs';
export { Raster } from './raster.mjs';
