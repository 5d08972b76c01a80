// Writes the lesson page, one HTML file, so that it opens with a lesson.

'use strict';

const fs = require('node:fs');
const { pagePath } = require('../library.js');
const { MOST } = require('./calls.js');
const { Failure } = require('./failure.js');
const { writeOutput } = require('./files.js');
const { checkHoles } = require('./lesson-values.js');
const { lessonOf, write } = require('./link.js');
const { escaped } = require('./markup.js');

/** Where the page has the lesson that it opens with, as a link has it. */
const PLACE = '<meta name="mems-lesson" content="">';

const PAGE = pagePath('lesson.html');

/** Whether the page has been built. */
const isBuilt = () => fs.existsSync(PAGE);

function page() {
  if (!isBuilt()) {
    throw new Failure(
      'the lesson page has not been built in this checkout: run npm run build:pages, which takes Rust for WebAssembly.',
    );
  }
  return fs.readFileSync(PAGE, 'utf8');
}

/** The link of an exercise by a policy: what the address of the page has behind its #. */
function linkTo(exercise, lesson) {
  if (exercise.calls.length > MOST) {
    throw new Failure(`the page shows at most ${MOST} calls: make the exercise shorter.`);
  }
  checkHoles(exercise.holes);
  return write(lessonOf(exercise, lesson));
}

/** The page that opens with a link's lesson; as it begins if there is no link. */
function pageWith(link) {
  const whole = page();
  if (link === undefined) return whole;
  if (!whole.includes(PLACE)) throw new Error('the page has no place for a lesson');
  return whole.replace(PLACE, () => PLACE.replace('""', () => `"${escaped(link)}"`));
}

/**
 * Writes the page to a file, or to standard output if it is `-`. It opens with `exercise`, if there is one, worked out as `lesson` says
 * (lessonOf). Returns the link to that.
 */
async function writePage(context, exercise, lesson, { output, force }) {
  const link = exercise && linkTo(exercise, lesson);
  if (output === '-') context.stdout.write(pageWith(link));
  else await writeOutput(output, force, (append) => append(pageWith(link)));
  return link;
}

module.exports = { isBuilt, writePage };
