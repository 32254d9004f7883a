// Draws what the server tells about itself: numbers, and the last minute as lines.

const SVG = "http://www.w3.org/2000/svg";
const POINTS = 60;
const WIDTH = 240;
const HEIGHT = 56;
const NAMES = { polling: "Polling", websocket: "WebSocket", webtransport: "WebTransport" };

const byId = (id) => document.getElementById(id);
const past = [];

/** Begins anew with the samples of the last minute. */
export function setPast(samples) {
  past.splice(0, past.length, ...samples);
  if (past.length > 0) draw();
}

/** Adds one sample. */
export function addSample(sample) {
  past.push(sample);
  if (past.length > POINTS) past.shift();
  draw();
}

function draw() {
  const now = past.at(-1);
  byId("clients").replaceChildren(
    ...Object.entries(now.clients).map(([transport, count]) => tile(transport, count)),
  );
  byId("in").textContent = now.in;
  byId("out").textContent = now.out;
  byId("max").textContent = now.delay.max.toFixed(1);
  byId("mean").textContent = now.delay.mean.toFixed(1);
  chart(byId("events"), { out: past.map((p) => p.out), in: past.map((p) => p.in) }, 5);
  chart(
    byId("delay"),
    { max: past.map((p) => p.delay.max), mean: past.map((p) => p.delay.mean) },
    5,
  );
}

function tile(transport, count) {
  const box = document.createElement("div");
  const number = document.createElement("b");
  box.className = `tile ${transport}`;
  box.dataset.transport = transport;
  number.textContent = count;
  box.append(number, NAMES[transport] ?? transport);
  return box;
}

/** Draws one line with its area per series; the scale never goes below `least`. */
function chart(svg, series, least) {
  const top = Math.max(least, ...Object.values(series).flat());
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(
    ...Object.entries(series).flatMap(([name, values]) => {
      // the newest value is at the right edge
      const x = (i) => WIDTH - ((values.length - 1 - i) * WIDTH) / (POINTS - 1);
      const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 6);
      const line = values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" L");
      const area = `M${x(0).toFixed(1)},${HEIGHT} L${line} L${WIDTH},${HEIGHT} Z`;
      return [path(area, `area ${name}`), path(`M${line}`, `line ${name}`)];
    }),
  );
}

function path(d, className) {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("d", d);
  element.setAttribute("class", className);
  return element;
}
