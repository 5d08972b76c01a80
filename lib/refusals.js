// Why a runtime refuses to load an addon that is there, and the flag that lets it.
'use strict';

const isDeno = () => Boolean(process.versions.deno);

/** Whether `error` says that permission to see or load a file was not given. */
function isDenial({ code, name }) {
  // Errors of Deno have no code; before version 2 the name was PermissionDenied.
  return code === 'ERR_ACCESS_DENIED' || name === 'NotCapable' || name === 'PermissionDenied';
}

/**
 * Whether `error` says that a file is there, and that the runtime could not load it or would not. All other errors of a
 * `require` say that no file was found.
 */
function isRefusal(error) {
  const { code, name, message } = Object(error);
  if (code === 'ERR_DLOPEN_FAILED' || code === 'ERR_DLOPEN_DISABLED') return true;
  // Errors of Deno come from its dlopen, or from a check before it.
  if (!isDeno() || code !== undefined) return false;
  return name === 'TypeError' ? /\n +path: /.test(message) : needsFfi(error);
}

const needsFfi = (error) => isDenial(error) && /\bffi access\b/.test(error.message);

/** The words of NODE_OPTIONS and the flags before the program's name. */
function flags() {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS || '').split(/\s+/)];
}

/** What lets the runtime load the addon that it refused with `error`, in lines; none if no flag does. */
function flagFor(error) {
  const cause = Object(error);
  if (isDeno()) {
    return needsFfi(cause)
      ? ['Allow Deno to load it: deno run --allow-ffi --allow-read, or -A for all permissions.']
      : [];
  }
  if (cause.code !== 'ERR_DLOPEN_DISABLED') return [];
  const lines = [];
  const given = flags();
  // Node 20 had another name for the model's flag.
  const model = given.find((flag) => /^--(experimental-)?permission$/.test(flag)) || '--permission';
  const disabled = given.includes('--no-addons');
  if (disabled) lines.push('Leave out the flag --no-addons, with which Node.js was started.');
  if (process.permission) {
    lines.push(`Allow addons as well: node ${model} --allow-addons (and --allow-fs-read).`);
  }
  if (lines.length > 0) return lines;
  return [
    'Start Node.js (or the worker thread) without --no-addons, and with --allow-addons where there is --permission.',
  ];
}

/** What lets the runtime look where it was not allowed to, as `errors` say; no lines if it was allowed to everywhere. */
function flagForLooking(denials) {
  if (!denials.some((error) => isDenial(Object(error)))) return [];
  return isDeno()
    ? ['Allow Deno to read those places: --allow-read.']
    : ['Allow Node.js to read those places: --allow-fs-read=<folder>.'];
}

module.exports = { isDenial, isRefusal, flagFor, flagForLooking };
