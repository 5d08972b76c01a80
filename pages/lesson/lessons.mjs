// The lessons that one can choose: a beginning, the exercises of textbooks, and random ones. A lesson is what a link has in it
// (command/lib/link.js).

import { parse } from '../../command/lib/calls.js';
import { drawn, EXERCISES } from '../../command/lib/exercises.js';
import { lessonOf } from '../../command/lib/link.js';

const BEGINNING = {
  id: 'begin',
  name: 'A heap, call by call',
  about: 'The calls of mems demo. Press Next, or change a line of the program.',
  lesson: {
    options: {},
    rules: {},
    policy: 'first-fit',
    run: 'a = malloc(1000)\nget(a)\nb = malloc(500)\nfree(a)\nc = malloc(200)',
  },
};

/** All lessons, as { id, name, about, lesson }. */
export const LESSONS = [
  BEGINNING,
  ...EXERCISES.map((exercise) => ({
    id: exercise.name,
    name: `${exercise.name} ${exercise.title}`,
    about: exercise.source,
    lesson: lessonOf(exercise),
  })),
];

/** A random exercise, in which the policies differ. */
export function randomLesson() {
  const exercise = drawn('random', {});
  return lessonOf(exercise);
}

const key = ({ memory, run = '' }) => {
  return JSON.stringify([memory, parse(run).calls.map(({ text }) => text.replace(/\s/g, ''))]);
};
const KEYS = new Map(LESSONS.map((each) => [key(each.lesson), each]));

/** Which of them a lesson is; undefined if it is one's own. */
export const known = (lesson) => KEYS.get(key(lesson));

/** A program as it is shown: with spaces, which links leave out. */
export function spaced(run) {
  return run
    .split('\n')
    .map((line) => {
      if (/^\s*(?:#|\/\/)/.test(line)) return line;
      return line
        .replace(/^(\w+)=malloc\(/, '$1 = malloc(')
        .replace(/^(get|free)\((\w+)([+-])(\w+)\)/, '$1($2 $3 $4)');
    })
    .join('\n');
}
