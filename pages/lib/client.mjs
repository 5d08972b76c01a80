// Asks a worker of a page, or the page's own thread where it can have none. A page that is opened as a file can have a worker from a
// Blob's address.

/**
 * Starts a worker from its source. `createResponder` makes what the worker does with a message, for browsers that allow none. Returns
 * `ask(name, request)`, which resolves to the reply, and whether there is a worker.
 */
export function startWorker(source, createResponder) {
  const waiting = new Map();
  let last = 0;
  const settle = ({ id, reply, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(reply);
    else reject(new Error(error));
  };
  const send = open(source, settle) ?? here(createResponder(), settle);
  const ask = (name, request = {}) => {
    last += 1;
    const id = last;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      send({ id, name, request });
    });
  };
  return { ask, isWorker: send.isWorker === true };
}

function open(source, settle) {
  try {
    const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(address);
    worker.onmessage = ({ data }) => settle(data);
    return Object.assign((message) => worker.postMessage(message), { isWorker: true });
  } catch {
    return undefined;
  }
}

function here(respond, settle) {
  return (message) => setTimeout(() => settle(respond(message)));
}

/** The most times that are kept of one name. */
const TIMES = 1000;
const times = new Map();

/** Notes how long something has taken since `start`, for tests and for the tools of browsers. */
export function measure(name, start) {
  const seen = times.get(name) ?? 0;
  if (seen % TIMES === 0) performance.clearMeasures(name);
  times.set(name, seen + 1);
  performance.measure(name, { start });
}

/**
 * A function that makes one request at a time, and of those that come meanwhile only the last. `run(request)` is async, and is given
 * the time at which its request came.
 */
export function latestOnly(run) {
  let [isBusy, next] = [false, undefined];
  const start = async (request) => {
    isBusy = true;
    try {
      await run(request.value, request.since);
    } finally {
      isBusy = false;
      const waiting = next;
      next = undefined;
      if (waiting !== undefined) start(waiting);
    }
  };
  return (value) => {
    const request = { value, since: performance.now() };
    if (isBusy) next = { ...request, since: next?.since ?? request.since };
    else start(request);
  };
}
