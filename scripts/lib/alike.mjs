// Whether two pictures of a page look alike, though another browser may have drawn other letters.
//
// The mean colours of tiles are compared: they hardly change where letters have another shape or lie some pixels beside, and much where
// a text, a panel or a curve is missing, which may be a small share of the whole picture.
import { decode } from 'fast-png';

const TILE = 64;
/** By how much the mean of a channel may differ in a tile, of 255: text that is missing makes some 15. */
const DIFFERENT = 10;

/** The mean colour of the tile at `left` and `top`. */
function meanOf({ data, width, height, channels }, left, top) {
  const [right, bottom] = [Math.min(width, left + TILE), Math.min(height, top + TILE)];
  const sums = [0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      for (let channel = 0; channel < 3; channel++) {
        sums[channel] += data[(y * width + x) * channels + channel];
      }
    }
  }
  return sums.map((sum) => sum / ((right - left) * (bottom - top)));
}

/** Throws unless two pictures, as PNG, look alike. `name` is how the picture is called. */
export function expectAlike(name, is, was) {
  const [one, other] = [decode(is), decode(was)];
  if (one.width !== other.width || one.height !== other.height || one.channels !== other.channels) {
    throw new Error(`${name} has another size or kind now: npm run docs:pictures`);
  }
  for (let top = 0; top < one.height; top += TILE) {
    for (let left = 0; left < one.width; left += TILE) {
      const means = meanOf(other, left, top);
      const differences = meanOf(one, left, top).map((mean, at) => Math.abs(mean - means[at]));
      if (Math.max(...differences) <= DIFFERENT) continue;
      throw new Error(`${name} looks different now near ${left}, ${top}: npm run docs:pictures`);
    }
  }
}
