// The lessons that one can choose: a beginning, the exercises of textbooks, and random ones. A lesson is what a link has in it
// (command/lib/link.js).

import { parse } from '../../command/lib/calls.js';
import { drawn, EXERCISES } from '../../command/lib/exercises.js';
import { lessonOf } from '../../command/lib/link.js';
import { notesOf } from '../../command/lib/notes.js';

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

/** The entry of LESSONS that has a lesson's memory and calls; undefined if there is none. */
export const known = (lesson) => KEYS.get(key(lesson));

/** What is said about a lesson that is `found` among LESSONS, or is none of them. A source speaks of its own rules only. */
export function aboutOf(found, { memory, rules = {} }) {
  if (found === undefined) return `${memory ? 'An exercise' : 'A program'} of your own.`;
  const isChanged = memory !== undefined && notesOf(rules).length > 0;
  return isChanged ? `The calls of ${found.id}, with rules of your own.` : found.about;
}

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
