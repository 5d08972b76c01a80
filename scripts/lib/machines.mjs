// The machines that run programs of another platform on Linux x64. Each is opened by a call, which fetches what it needs into the
// cache, and returns `{ start(program, args, options) }`, which runs a program there as start() in runtimes.mjs does here.
import { muslRuntimes, openMusl } from './musl.mjs';
import { openQemu } from './qemu.mjs';
import { runtimesOf, start } from './runtimes.mjs';
import { openWine } from './wine.mjs';

/**
 * `emulated`: the processor or the system is not the real one. `slow`: every instruction is translated. `runtimes`: the runtimes
 * for the machine, by name, if they are not npm's.
 */
const MACHINES = {
  this: { open: () => ({ start }), emulated: false, slow: false },
  musl: { open: openMusl, emulated: false, slow: false, runtimes: muslRuntimes },
  QEMU: { open: openQemu, emulated: true, slow: true },
  Wine: { open: openWine, emulated: true, slow: false },
};

/** The machine that runs the tests of a platform, with its `name` and the `runtimes` there are for it, by name. */
export function machineFor({ name, suite }) {
  const { open, emulated, slow, runtimes } = MACHINES[suite.under];
  return {
    name: suite.under,
    open,
    emulated,
    slow,
    runtimes: runtimes ? runtimes() : runtimesOf(name),
  };
}
