// Several processes that work at the same time.

import { fork } from 'node:child_process';
import { once } from 'node:events';

/** The next message of a process. Throws if it ends without one. */
async function message(child) {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`a process of the bench ended: ${signal ?? code}`);
  });
  ended.catch(() => {});
  const [value] = await Promise.race([once(child, 'message'), ended]);
  return value;
}

/**
 * Starts `count` processes of a module, each of which sends a message when it is ready, another when it has worked, and ends. They begin
 * when all are ready. Returns their second messages.
 */
export async function together(module, args, count) {
  const children = Array.from({ length: count }, () => fork(module, args.map(String)));
  await Promise.all(children.map(message));
  const results = Promise.all(children.map(message));
  for (const child of children) child.send('go');
  const all = await results;
  await Promise.all(children.map((child) => child.exitCode !== null || once(child, 'exit')));
  return all;
}

/** Starts a process of a module, and returns the message that it sends before it ends. */
export async function one(module, args) {
  const child = fork(module, args.map(String));
  const result = await message(child);
  if (child.exitCode === null) await once(child, 'exit');
  return result;
}
