// What a page carries: gzipped bytes as base64 in a script element that no browser runs.

/** The bytes of the element with an id. */
export async function embeddedBytes(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  const packed = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) packed[at] = text.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Parts of bytes, behind a head of JSON that has their lengths in `parts`: what joinParts() has made. */
export function splitParts(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const parts = head.parts.map((size) => {
    at += size;
    return bytes.subarray(at - size, at);
  });
  return { head, parts };
}

/** Bytes in which parts can be found again, and a head: an object. */
export function joinParts(head, parts) {
  const sizes = parts.map(({ length }) => length);
  const text = new TextEncoder().encode(JSON.stringify({ ...head, parts: sizes }));
  const joined = new Uint8Array(sizes.reduce((sum, size) => sum + size, 4 + text.length));
  new DataView(joined.buffer).setUint32(0, text.length, true);
  joined.set(text, 4);
  let at = 4 + text.length;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
