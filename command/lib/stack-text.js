// Stacks as people read them: without the folders of files, which are those of the machine that a program ran on.

'use strict';

/** The folders of a frame's file, behind a bracket or right behind `at`, with the scheme of a URL or the letter of a drive. */
const FOLDERS = /(?<=\(|^\s*at (?:async )?)(?:[a-z][\w+.-]*:)?[\\/].*[\\/]/i;

/** A stack without the folders of its files. */
const withoutFolders = (stack) => {
  return stack
    .split('\n')
    .map((line) => line.replace(FOLDERS, ''))
    .join('\n');
};

/** The site of a stack: its first frame, without folders. */
const siteOf = (stack) => {
  const [first] = withoutFolders(stack).split('\n');
  return first.trim().replace(/^at /, '') || 'not known';
};

module.exports = { siteOf, withoutFolders };
