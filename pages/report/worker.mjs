// The worker of a page: computes what it is asked for.

import { createResponder, transfersOf } from './request.mjs';

const respond = createResponder();

self.onmessage = ({ data }) => {
  const message = respond(data);
  self.postMessage(message, transfersOf(message));
};
