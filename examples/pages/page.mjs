// The pages that the server renders, and how a client sees that it has got the right one, and all of it.

import { setTimeout } from 'node:timers/promises';

/** What the queries for a page take, in milliseconds. */
const QUERIES = 20;
const BYTES = 1000;

export const urlOf = (number) => `/page/${number}`;

const head = (url) =>
  `<!doctype html><html><head><title>${url}</title></head><body><h1>${url}</h1>`;
const tail = (url) => `<footer>${url}</footer></body></html>`;

/** Makes a page of about a kilobyte. */
export async function render(url) {
  await setTimeout(QUERIES);
  const [begin, end] = [head(url), tail(url)];
  return Buffer.from(begin + '<p>text</p>'.repeat((BYTES - begin.length - end.length) / 11) + end);
}

/** Whether a text is the whole page of a URL. */
export function isPage(text, url) {
  return text.startsWith(head(url)) && text.endsWith(tail(url));
}
