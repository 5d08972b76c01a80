// The state of the page: a lesson (command/lib/link.js), the text of its program, how many calls were made, and what was picked.
//
// While the page asks, what a malloc does is hidden until one has picked a hole. Picks are kept by all that decides about the
// question, so that a change of the program asks only about what it has changed.

import { parse } from '../../command/lib/calls.js';
import { POLICIES } from './heap.mjs';
import { LESSONS, spaced } from './lessons.mjs';
import { isQuestion, judge } from './question.mjs';
import { run } from './run.mjs';

export class State {
  lesson = LESSONS[0].lesson;
  text = '';
  /** How many calls were made. */
  at = 0;
  /** What is written into the field for an address; empty for the last block. */
  byte = '';
  #picks = new Map();
  #key;

  /** Takes a lesson, from its beginning or after the step that it names. */
  open({ run: text = '', step, ...lesson }) {
    this.lesson = { policy: 'first-fit', ...lesson };
    this.text = spaced(text);
    this.at = step ?? (this.lesson.ask ? 1 : parse(this.text).calls.length);
    this.byte = '';
    this.work();
  }

  /** Works the program out by all policies, if something has changed. Policies that cannot have its memory are left out of `runs`. */
  work() {
    const { policy, ask, ...memory } = this.lesson;
    const key = JSON.stringify([memory, this.text]);
    if (key !== this.#key) {
      Object.assign(this, parse(this.text));
      this.all = POLICIES.map((each) => run(this.lesson, this.calls, each));
      this.runs = this.all.filter(({ refusal }) => refusal === undefined);
      this.#key = key;
    }
    this.chosen = this.all.find((each) => each.policy === policy);
    this.at = Math.max(0, Math.min(this.at, this.calls.length, this.firstOpen() + 1));
  }

  /** What get() of an address returns after the calls that are shown: the step of a run with that call. */
  ask(address) {
    const get = { kind: 'get', base: undefined, offset: address, text: '' };
    const { lesson, calls, shown } = this;
    return run(lesson, [...calls.slice(0, shown), get], lesson.policy).steps.at(-1);
  }

  get isHeap() {
    return this.lesson.memory === undefined;
  }

  /** How many calls may be shown: those before the first question without a pick. */
  get shown() {
    return Math.min(this.at, this.firstOpen());
  }

  #questionKey(number) {
    const { memory, options, rules, policy } = this.lesson;
    const calls = this.calls.slice(0, number + 1).map(({ text }) => text);
    return JSON.stringify([memory, options, rules, policy, calls]);
  }

  /** The number of the first step that asks and has no pick; Infinity if there is none. */
  firstOpen() {
    const { ask, policy } = this.lesson;
    if (!ask || this.chosen.refusal !== undefined) return Number.POSITIVE_INFINITY;
    const open = this.chosen.steps.findIndex(
      (step, number) => isQuestion(step, policy) && !this.#picks.has(this.#questionKey(number)),
    );
    return open < 0 ? Number.POSITIVE_INFINITY : open;
  }

  pick(number, choice) {
    this.#picks.set(this.#questionKey(number), choice);
  }

  forgetPicks() {
    this.#picks.clear();
  }

  /** Whether what was picked for a step is right, and why; undefined if nothing was. */
  verdict(number) {
    const { lesson, chosen } = this;
    if (!lesson.ask || !isQuestion(chosen.steps[number], lesson.policy)) return undefined;
    const choice = this.#picks.get(this.#questionKey(number));
    if (choice === undefined) return undefined;
    return judge(chosen.moment(number + 1), choice, { policy: lesson.policy, lesson });
  }

  /** How many picks were right, in words. */
  score() {
    const all = this.calls.map((_, number) => this.verdict(number)).filter(Boolean);
    return `${all.filter(({ isRight }) => isRight).length} of ${all.length} right so far.`;
  }
}
