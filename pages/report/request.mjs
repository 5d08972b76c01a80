// What a worker and the page's own thread do alike with a request: `{ id, name, request }` in, `{ id, reply }` or `{ id, error }` out.

import { Engine } from './engine.mjs';

export function createResponder() {
  const engine = new Engine();
  return ({ id, name, request }) => {
    try {
      return { id, reply: engine[name](request) };
    } catch (error) {
      return { id, error: String(error?.stack ?? error) };
    }
  };
}

/** The memory of a reply that is given away rather than copied. */
export function transfersOf({ reply }) {
  const found = [reply?.pixels, reply?.map?.pixels].filter(Boolean);
  return found.map(({ buffer }) => buffer);
}
