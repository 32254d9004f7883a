// The documents about performance are those of the kept figures, and the verdicts on goals are right.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { fill, readFigures, render, take } from "../bench/document/figures.mjs";
import { verdicts } from "../bench/goals.mjs";
import { parts } from "../bench/growth/parts.mjs";
import { summary } from "../bench/measure.mjs";
import { findNode } from "../bench/nodes.mjs";
import { profiles, scenarios } from "../bench/scenarios.mjs";
import { servers } from "../bench/servers.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(path.join(ROOT, file), "utf8");

const figures = readFigures();
const rendered = render(figures);
for (const [file, text] of Object.entries(rendered)) {
  test(`${file} is what bench/document.mjs makes of bench/figures/performance.json`, () => {
    assert.equal(read(file), text, "node bench/document.mjs writes it");
  });
}

test("the documents have a place for every kind of figures", () => {
  const places = (file) => read(file).match(/(?<=<!-- figures: )\w+/g);
  const names = ["taken", "tables", "goals", "missed", "growth"];
  assert.deepEqual(places("docs/performance.md"), names);
  assert.deepEqual(places("README.md"), ["brief"]);
  assert.match(read("docs/performance.md"), /!\[[^\]]+\]\(performance\.svg\)/);
  assert.match(read("README.md"), /!\[[^\]]+\]\(docs\/performance\.svg\)/);
});

test("the kept figures are of Node 20 and 26, of known scenarios and servers", () => {
  assert.deepEqual(Object.keys(figures.nodes), ["20", "26"]);
  for (const { rows } of Object.values(figures.nodes)) {
    assert.deepEqual(Object.keys(rows), profiles.goals.names);
    for (const row of Object.values(rows)) {
      for (const [name, one] of Object.entries(row)) {
        assert.ok(servers[name], name);
        assert.equal(one.error, undefined, name);
      }
    }
  }
  assert.deepEqual(Object.keys(figures.growth.parts), Object.keys(parts));
});

test("a changed figure changes the tables, the chart and README.md", () => {
  const changed = structuredClone(figures);
  for (const { rows } of Object.values(changed.nodes)) rows.ack32.attached.cpu_us = 98_765;
  const now = render(changed);
  for (const [file, text] of Object.entries(rendered)) {
    assert.ok(!text.includes("98,765") && now[file].includes("98,765"), file);
  }
});

test("the chart is a picture of its own: no script, no address, no unescaped text", () => {
  const svg = rendered["docs/performance.svg"];
  const inside = svg.replace(/<(?:\/?(?:svg|style|text)|rect|line)\b[^<>]*>/g, "");
  assert.doesNotMatch(inside, /[<>]/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity|href/);
});

test("a place of figures that nothing fills is an error", () => {
  const place = "<!-- figures: nothing -->\nold\n<!-- end of figures -->";
  assert.throws(() => fill(place, {}), /no figures "nothing"/);
  assert.equal(
    fill(place, { nothing: "new" }),
    "<!-- figures: nothing -->\n\nnew\n\n<!-- end of figures -->",
  );
});

const runOf = (cpu, main, more) => ({ cpu_us_op: cpu, main_us_op: main, ...more });

test("a run taken over replaces the run of its Node by medians", () => {
  const kept = { nodes: { 20: "old", 26: "stays" }, growth: null };
  const ack32 = { upstream: [60, 90, 30].map((us) => runOf(us, us)), attached: [runOf(20, 5)] };
  take(kept, { kind: "scenarios", about: { node: "v20.1.0" }, results: { ack32 } });
  assert.equal(kept.nodes[26], "stays");
  const { upstream, attached } = kept.nodes[20].rows.ack32;
  assert.deepEqual([upstream.cpu_us, upstream.cpu_min, upstream.cpu_max], [60, 30, 90]);
  assert.deepEqual([attached.cpu_times, attached.main_times], [3, 12]);
  assert.throws(() => take(kept, { results: {} }), /no run of/);
});

test("a goal is met at its bound, missed beyond it, and missed when nothing was measured", () => {
  const upstream = summary([runOf(60, 60, { p50_us: 1000, p99_us: 2000 })]);
  const judged = (name, runs, peers = {}) => {
    const row = { upstream, attached: summary(runs, upstream), ...peers };
    return Object.fromEntries(
      verdicts(scenarios[name], "attached", row).map(({ label, met }) => [label, met]),
    );
  };
  assert.deepEqual(judged("ack32", [runOf(20, 5)]), { total: true, main: true });
  assert.deepEqual(judged("ack32", [runOf(20.1, 5.1)]), { total: false, main: false });
  assert.deepEqual(judged("ack32", [runOf(20, 0)]), { total: true, main: false });
  assert.deepEqual(judged("lone", [runOf(1, 1, { p50_us: 1100 })]), {
    "p50 over upstream's": true,
  });
  assert.deepEqual(judged("lone", [runOf(1, 1, { p50_us: 1101 })]), {
    "p50 over upstream's": false,
  });
  assert.deepEqual(judged("idle_tls", [runOf(57, 1)]), { "total over upstream's": true });
  assert.deepEqual(judged("idle_tls", [runOf(58, 1)]), { "total over upstream's": false });
  const peers = { uws: summary([runOf(30, 30)]), bun: summary([runOf(10, 9)]) };
  const { "uws over ours": uws, "bun over ours": bun } = judged("ack32", [runOf(20, 5)], peers);
  assert.deepEqual({ uws, bun }, { uws: true, bun: false });
});

test("a run in which one answer was wrong has no figures and meets no goal", () => {
  const attached = summary([runOf(1, 1), { error: "wrong answer" }]);
  assert.deepEqual(attached, { error: "wrong answer", failed: 1 });
  assert.deepEqual(verdicts(scenarios.ack32, "attached", { attached }), []);
});

test("--node takes a program of Node and nothing else", async () => {
  const { program, version } = await findNode(process.execPath);
  assert.deepEqual([program, version], [process.execPath, process.version]);
  await assert.rejects(findNode("/bin/true"), /neither a program of Node nor one of 20/);
  await assert.rejects(findNode("no-such-program"), /neither a program of Node nor one of 20/);
});
