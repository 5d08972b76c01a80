// Checks the English of comments and documents: npm run lint -- words
//
// A comment is read by itself, above the line that it is about, so it has a subject of its own. Words are used as in the
// documentation of Node.js: a function returns. This finds phrases that have recurred; reviewers of a change look for the rest.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from './lib/runtimes.mjs';

/** How a line of a comment begins, by the ending of the file's name. */
const LINE = { slashes: /^\s*(?:\/\/[/!]?|\/\*\*?|\*(?!\/))\s?/, hash: /^\s*#(?!!|\[)\s?/ };
const COMMENTS = {
  c: LINE.slashes,
  h: LINE.slashes,
  js: LINE.slashes,
  mjs: LINE.slashes,
  rs: LINE.slashes,
  ts: LINE.slashes,
  toml: LINE.hash,
  yml: LINE.hash,
};

/** What no comment and no document says, and what to write instead. */
const RULES = [
  {
    pattern:
      /\b(?:answers|answered)\b|\b(?:and|can|it|may|must|not|or|that|they|to|would) answer\b/i,
    instead: 'a function "returns"',
  },
  { pattern: /\btells?\b/i, instead: 'a function "returns", a message "says"' },
  { pattern: /\btold apart\b/i, instead: '"distinguished"' },
  { pattern: /\b(?:be|is|are|was|were) had\b/i, instead: '"allocated", "read" or "found"' },
  { pattern: /\b(?:any|every|no|some)body['’]s\b/i, instead: '"belongs to no ..."' },
  { pattern: /\bwhoever\b|\bfor who\b/i, instead: 'name who: "the caller", "a reader"' },
  { pattern: /\bstands?\b(?!-| for\b)/i, instead: '"is", or "stands for"' },
  {
    pattern: /\b(?:go|goes|going|gone|went) (?:back|on)\b/i,
    instead: 'memory is "given back", a call "returns" or "continues"',
  },
  { pattern: /\b(?:take|takes|took) no notice\b/i, instead: '"ignores"' },
  { pattern: /\bbut for\b/i, instead: '"except"' },
  { pattern: /\bat hand\b/i, instead: 'say where it is' },
  { pattern: /\bas above\b/i, instead: 'say it again, or name where it is said' },
  {
    pattern: /\b(?:for|in|of|than|times|to|with|are|not|room for) so many\b/i,
    instead: 'name the number: "`count` blocks"',
  },
];

/** How no comment begins. */
const BEGINNINGS = [
  {
    pattern: /^(?:The same|Those of|That of|And|But|Else|It|Its|Likewise|Of|Their|Them|They)\b/,
    instead: 'begin with what the comment is about',
  },
];

/** The lines of a source file that are comments, as `{ number, text, first }`; `first` begins a comment. */
function* comments(lines, pattern) {
  let inside = false;
  for (const [index, line] of lines.entries()) {
    const [opening] = pattern.exec(line) ?? [];
    if (opening === undefined) {
      inside = false;
      continue;
    }
    const text = line.slice(opening.length).trim();
    const opens = opening.includes('/*');
    // A comment whose first line is only an opening begins with the next.
    yield { number: index + 1, text, first: (!inside || opens) && text !== '' };
    inside = text !== '' || (inside && !opens);
  }
}

/** The lines of a document outside of code. */
function* prose(lines) {
  let fenced = false;
  for (const [index, line] of lines.entries()) {
    if (/^\s*```/.test(line)) fenced = !fenced;
    else if (!fenced) yield { number: index + 1, text: line, first: false };
  }
}

function* mistakes(name) {
  const ending = name.slice(name.lastIndexOf('.') + 1);
  const pattern = COMMENTS[ending];
  if (pattern === undefined && ending !== 'md') return;
  const lines = readFileSync(join(CHECKOUT, name), 'utf8').split(/\r?\n/);
  for (const { number, text, first } of pattern ? comments(lines, pattern) : prose(lines)) {
    for (const rule of first ? [...BEGINNINGS, ...RULES] : RULES) {
      if (rule.pattern.test(text)) yield `${name}:${number}: ${rule.instead}: ${text}`;
    }
  }
}

const listed = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  {
    cwd: CHECKOUT,
    encoding: 'utf8',
  },
);
const found = listed
  .split('\0')
  .filter((name) => name !== '' && name !== 'scripts/lint-words.mjs')
  .flatMap((name) => [...mistakes(name)]);
for (const mistake of found) console.error(mistake);
process.exitCode = found.length > 0 ? 1 : 0;
