// Numbers as varints: seven bits a byte, the lowest first, and the eighth bit set where another byte follows. From 0 to 2^53 - 1.
//
// A number that may be negative is made into one that is not by zigzag: 0, -1, 1, -2 become 0, 1, 2, 3.

const LOW = 0x7f;
const MORE = 0x80;

export const zigzag = (value) => (value < 0 ? -2 * value - 1 : 2 * value);
export const unzigzag = (value) => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** Collects varints. */
export class Varints {
  #bytes = new Uint8Array(1 << 12);
  #length = 0;
  count = 0;

  push(value) {
    if (this.#length + 8 > this.#bytes.length) {
      const longer = new Uint8Array(2 * this.#bytes.length);
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    let rest = value;
    while (rest > LOW) {
      this.#bytes[this.#length++] = (rest % MORE) | MORE;
      rest = Math.floor(rest / MORE);
    }
    this.#bytes[this.#length++] = rest;
    this.count += 1;
  }

  get bytes() {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads `count` varints into a new array, an instance of `Numbers`: Uint32Array if all are below 2^32, else Float64Array. */
export function readVarints(bytes, count, Numbers = Float64Array) {
  const values = new Numbers(count);
  let at = 0;
  for (let index = 0; index < count; index++) {
    let byte = bytes[at++];
    let value = byte & LOW;
    // Four bytes fit in an integer of the processor.
    for (let shift = 7; byte >= MORE && shift < 28; shift += 7) {
      byte = bytes[at++];
      value |= (byte & LOW) << shift;
    }
    for (let scale = 2 ** 28; byte >= MORE; scale *= MORE) {
      byte = bytes[at++];
      value += (byte & LOW) * scale;
    }
    values[index] = value;
  }
  if (at !== bytes.length) throw new Error('a column has another length than its numbers');
  return values;
}
