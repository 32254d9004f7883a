// The metrics as OpenMetrics text, their document, and the example that serves them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { startChat } from "../support/chat.mjs";
import { join } from "../support/clients.mjs";
import { FORMS, SERVE } from "../support/forms.mjs";
import { parseOpenMetrics } from "../support/openmetrics.mjs";
import { beyond, engine } from "../support/subject.mjs";
import { within } from "../support/wait.mjs";

const ROOT = new URL("../../", import.meta.url);
const read = (file) => readFileSync(new URL(file, ROOT), "utf8");

/** A server with a client and some traffic. */
async function busy(t, form) {
  const served = await SERVE[form](t);
  const { client, socket } = await join(t, served.io, served.port);
  socket.on("echo", (value, ack) => ack(value));
  await client.emitWithAck("echo", 1);
  return served;
}

for (const form of FORMS) {
  beyond(`metricsText() is OpenMetrics, ${form}`, async (t) => {
    const { io } = await busy(t, form);
    const families = parseOpenMetrics(io.engine.metricsText());
    const { samples } = families.get("socketio_sessions");
    const native = samples.find(({ labels }) => labels.transport === "websocket");
    assert.deepEqual(native.labels, { transport: "websocket", served: "native" });
    assert.equal(native.value, 1);
    assert.ok(families.get("socketio_dispatch_lag_seconds").samples.at(-2).value > 0);
  });
}

beyond("metricsText() escapes the values of labels", () => {
  const one = new engine.Server();
  const value = 'back\\slash "quoted"\nline, {brace} ü \u{1f600} \ud800';
  const text = one.metricsText({ shop: value, _second: "" });
  const families = parseOpenMetrics(text);
  for (const { samples } of families.values()) {
    for (const { labels } of samples) {
      assert.equal(labels.shop, value.replace("\ud800", "\ufffd"));
      assert.equal(labels._second, "");
    }
  }
});

beyond("metricsText() refuses labels that cannot be used", () => {
  const one = new engine.Server();
  for (const name of ["", "1st", "a-b", "__name__", "le", "transport", "ü"]) {
    assert.throws(() => one.metricsText({ [name]: "x" }), TypeError, name);
  }
  assert.throws(() => one.metricsText({ a: 1 }), TypeError);
  assert.throws(() => one.metricsText(null), TypeError);
});

beyond("METRICS_CONTENT_TYPE names OpenMetrics 1.0", () => {
  assert.equal(
    engine.METRICS_CONTENT_TYPE,
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
});

/** The table of docs/metrics.md by metric: `{ path, type, unit, labels }`. */
function table() {
  const rows = read("docs/metrics.md").match(/^\| `socketio_\w+` .*\|$/gm);
  return new Map(
    rows.map((row) => {
      const [, name, path, type, unit, labels] = row.split("|").map((cell) => cell.trim());
      const quoted = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text);
      return [
        quoted(name)[0],
        { path: quoted(path)[0], type, unit, labels: quoted(labels).sort() },
      ];
    }),
  );
}

beyond("docs/metrics.md has the metrics of the text with types, units and labels", () => {
  const families = parseOpenMetrics(new engine.Server().metricsText());
  const rows = table();
  assert.deepEqual([...rows.keys()], [...families.keys()]);
  for (const [name, { type, unit = "", samples }] of families) {
    const labels = Object.keys(samples[0].labels).filter((label) => label !== "le");
    const { path, ...row } = rows.get(name);
    assert.deepEqual(row, { type, unit, labels: labels.sort() }, name);
  }
});

beyond("docs/metrics.md has each member of the object", () => {
  const paths = [...table().values()].map(({ path }) => path);
  const missing = (value, path) => {
    if (paths.includes(path)) return [];
    if (typeof value !== "object") return [path];
    return Object.entries(value).flatMap(([name, member]) => {
      const place = path === "traffic" ? "*" : name;
      return missing(member, path === "" ? name : `${path}.${place}`);
    });
  };
  assert.deepEqual(missing(new engine.Server().metrics(), ""), []);
});

beyond("the dashboard uses metrics and labels that exist", () => {
  const families = parseOpenMetrics(new engine.Server().metricsText());
  const samples = new Map();
  for (const { samples: all } of families.values()) {
    for (const { name, labels } of all) samples.set(name, Object.keys(labels));
  }
  const { panels, templating } = JSON.parse(read("examples/chat/grafana.json"));
  const used = new Set();
  for (const { title, targets } of panels) {
    for (const { expr, legendFormat } of targets) {
      const names = expr.match(/\bsocketio_\w+/g);
      assert.ok(names?.length > 0, title);
      for (const name of names) {
        assert.ok(samples.has(name), `${title}: ${name}`);
        used.add(name);
      }
      const grouped = /by \(([^)]*)\)/.exec(expr)?.[1].split(", ") ?? [];
      for (const label of grouped)
        assert.ok(samples.get(names[0]).includes(label), `${title}: ${label}`);
      for (const [, label] of legendFormat.matchAll(/{{(\w+)}}/g)) {
        assert.ok([...grouped, "instance"].includes(label), `${title}: ${label}`);
      }
    }
  }
  const shown = [...used].map((name) => name.replace(/_(total|bucket|sum|count)$/, ""));
  assert.deepEqual([...new Set(shown)].sort(), [...families.keys()].sort());
  const { query } = templating.list.find(({ name }) => name === "job");
  assert.ok(families.has(/socketio_\w+/.exec(query.query)[0]));
});

beyond("the chat serves its metrics at /metrics", async (t) => {
  const chat = await startChat(t);
  const url = `${chat.url}metrics`;
  const answer = await within(fetch(url), "the metrics");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), engine.METRICS_CONTENT_TYPE);
  const families = parseOpenMetrics(await answer.text());
  assert.ok(families.has("socketio_sessions"));
  const refused = await fetch(url, { method: "POST" });
  assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD"]);
});
