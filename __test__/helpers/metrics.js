'use strict';

// Reads metrics as Prometheus does, strictly: a text that is not of its format throws.

const ESCAPED = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

/** The labels of a sample, `a="b",c="d"`, as an object. */
function labelsOf(text) {
  const labels = {};
  let rest = text;
  while (rest !== '') {
    const match = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/.exec(rest);
    if (match === null) throw new Error(`no labels: ${rest}`);
    const [whole, name, value] = match;
    if (name in labels) throw new Error(`the label ${name} comes twice: ${text}`);
    labels[name] = value.replace(/\\./g, (pair) => ESCAPED[pair]);
    rest = rest.slice(whole.length);
  }
  return labels;
}

/** The metrics of a text, in order: `{ name, type, help, samples: [{ labels, value }] }`. */
function readMetrics(text) {
  if (text === '') return [];
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const metrics = new Map();
  const seen = new Set();
  let current;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, help, described] = /^# HELP ([a-zA-Z_:][\w:]*) (.*)$/.exec(line) ?? [];
    const [, typed, type] = /^# TYPE ([a-zA-Z_:][\w:]*) (gauge|counter)$/.exec(line) ?? [];
    const [, name, labels, value] = /^([a-zA-Z_:][\w:]*)\{(.*)\} (\S+)$/.exec(line) ?? [];
    if (help !== undefined) {
      if (metrics.has(help)) throw new Error(`${help} is described twice`);
      current = { name: help, help: described, samples: [] };
      metrics.set(help, current);
    } else if (typed !== undefined) {
      if (current?.name !== typed || current.type)
        throw new Error(`a type in a wrong place: ${line}`);
      current.type = type;
    } else if (name !== undefined) {
      if (current?.name !== name || !current.type) throw new Error(`in a wrong place: ${line}`);
      if (!/^\d+(\.\d+)?(e-\d+)?$/.test(value)) throw new Error(`no number: ${line}`);
      if (seen.has(`${name}{${labels}}`)) throw new Error(`twice: ${line}`);
      seen.add(`${name}{${labels}}`);
      current.samples.push({ labels: labelsOf(labels), value: Number(value) });
    } else throw new Error(`no line of metrics: ${line}`);
  }
  return [...metrics.values()];
}

/** The values of the metrics of one heap by their names, with labels other than the heap's. */
function valuesOf(text) {
  const samples = readMetrics(text).flatMap(({ name, samples: all }) =>
    all.map(({ labels: { heap, ...others }, value }) => {
      const label = Object.entries(others).map(([key, of]) => `{${key}="${of}"}`);
      return [name + label.join(''), value];
    }),
  );
  return Object.fromEntries(samples);
}

module.exports = { readMetrics, valuesOf };
