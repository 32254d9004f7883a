// A strict reader of OpenMetrics text 1.0, as far as gauges, counters and histograms go.
import assert from "node:assert/strict";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const META = new RegExp(`^# (TYPE|UNIT|HELP) (${NAME}) (.*)$`, "s");
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, "s");
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/s;
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)$/;
/** The endings of the names of samples, by type. */
const SUFFIXES = { gauge: [""], counter: ["_total"], histogram: ["_bucket", "_count", "_sum"] };

const number = (text) => {
  assert.match(text, NUMBER);
  return Number(text.replace("Inf", "Infinity"));
};

function readLabels(text) {
  const labels = {};
  for (let rest = text; rest !== ""; ) {
    const [whole, name, value] = LABEL.exec(rest) ?? assert.fail(`no label: ${rest}`);
    assert.ok(!Object.hasOwn(labels, name), `${name} is there once`);
    labels[name] = value.replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
    rest = rest.slice(whole.length);
  }
  return labels;
}

/**
 * The families of a text, by name: `{ type, unit, help, samples: [{ name, labels, value }] }`.
 * Fails for anything that the specification does not allow.
 */
export function parseOpenMetrics(text) {
  assert.ok(text.endsWith("\n# EOF\n"), "it ends with # EOF and a line feed");
  assert.ok(text.isWellFormed?.() ?? true, "it is Unicode");
  const lines = text.split("\n").slice(0, -2);
  const families = new Map();
  let family;
  for (const line of lines) {
    assert.notEqual(line, "", "no line is empty");
    if (line.startsWith("#")) family = readMeta(families, family, line);
    else readSample(family, line);
  }
  for (const [name, one] of families) check(name, one);
  return families;
}

function readMeta(families, current, line) {
  const [, kind, name, rest] = META.exec(line) ?? assert.fail(`no metadata: ${line}`);
  let family = current;
  if (current?.name !== name) {
    assert.ok(!families.has(name), `${name} stands in one place`);
    family = { name, samples: [] };
    families.set(name, family);
  }
  assert.equal(family.samples.length, 0, `the metadata of ${name} stand before its samples`);
  const key = kind.toLowerCase();
  assert.ok(!(key in family), `one ${kind} of ${name}`);
  assert.ok(!/\\(?![\\"n])/.test(rest), `escapes of ${name}`);
  family[key] = rest;
  return family;
}

function readSample(family, line) {
  const [, name, labels = "", value] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
  assert.ok(family, `${name} has metadata`);
  const suffix = name.slice(family.name.length);
  assert.ok(name.startsWith(family.name) && SUFFIXES[family.type].includes(suffix), name);
  const sample = { name, labels: readLabels(labels), value: number(value) };
  const key = ({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]);
  assert.ok(!family.samples.some((other) => key(other) === key(sample)), `${line} is there once`);
  family.samples.push(sample);
}

function check(name, { type, unit, help, samples }) {
  assert.ok(type in SUFFIXES, `${name} has a type`);
  assert.ok(help?.length > 0, `${name} has a help`);
  assert.ok(samples.length > 0, `${name} has samples`);
  if (unit !== undefined) assert.ok(name.endsWith(`_${unit}`), `${name} ends with its unit`);
  const units = /_(bytes|seconds)$/.exec(name);
  if (units) assert.equal(unit, units[1], `${name} tells its unit`);
  assert.ok(!/_(total|count|sum|bucket|created|info)$/.test(name), `${name} has no ending`);
  if (type !== "gauge") {
    for (const { value } of samples) assert.ok(value >= 0, `${name} is not negative`);
  }
  if (type === "histogram") checkHistogram(name, samples);
}

function checkHistogram(name, samples) {
  const of = (suffix) => samples.filter((sample) => sample.name === name + suffix);
  const buckets = of("_bucket");
  const bounds = buckets.map(({ labels }) => number(labels.le));
  assert.deepEqual(
    bounds,
    [...new Set(bounds)].sort((a, b) => a - b),
  );
  assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY);
  for (const { labels } of buckets) {
    assert.match(labels.le, /^(\d+\.\d+|\+Inf)$/, "bounds have the form of floats");
  }
  const counts = buckets.map(({ value }) => value);
  assert.deepEqual(
    counts,
    [...counts].sort((a, b) => a - b),
  );
  assert.equal(of("_count")[0].value, counts.at(-1));
  assert.equal(of("_sum").length, 1);
}
