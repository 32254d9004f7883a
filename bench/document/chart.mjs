// The chart docs/performance.svg: CPU time per operation as a share of upstream's.

import { scenarios } from "../scenarios.mjs";
import { servers } from "../servers.mjs";
import { digits } from "./tables.mjs";

const BARS = [
  ["attached", "#c2410c", "#7c2d12"],
  ["port", "#ea9a3e", "#9a5b13"],
  ["uws", "#5b8db8", null],
  ["bun", "#9aa5b1", null],
];
const WIDTH = 860;
const LEFT = 330;
const RIGHT = 110;
const BAR = 11;
const GAP = 12;
const TOP = 84;
/** A bar ends here, at 120 % of upstream, with an arrow when it should be longer. */
const MOST = 1.2;
const UNIT = (WIDTH - LEFT - RIGHT) / MOST;

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const at = (value) => Number(value.toFixed(1));

function text(x, y, what, more = "") {
  return `<text x="${at(x)}" y="${at(y)}"${more && ` ${more}`}>${escaped(what)}</text>`;
}

function rect(x, y, width, height, fill) {
  const size = `width="${at(width)}" height="${at(height)}"`;
  return `<rect x="${at(x)}" y="${at(y)}" ${size} fill="${fill}"/>`;
}

/** One bar: the whole process, and over it the thread that runs JavaScript where it is told apart. */
function bar([name, color, dark], row, y) {
  const s = row[name];
  const share = s.cpu_us / row.upstream.cpu_us;
  const length = Math.min(share, MOST) * UNIT;
  const lines = [rect(LEFT, y, length, BAR - 1, color)];
  if (dark) {
    const main = Math.min(s.main_us / row.upstream.cpu_us, MOST) * UNIT;
    lines.push(rect(LEFT, y, main, BAR - 1, dark));
  }
  const beyond = share > MOST ? "→ " : "";
  const label = `${beyond}${digits(s.cpu_us)} µs`;
  lines.push(text(LEFT + length + 5, y + BAR - 2, label, 'class="small"'));
  return lines;
}

function group(name, row, y) {
  const present = BARS.filter(([server]) => row[server]?.cpu_us > 0);
  const middle = y + (present.length * BAR) / 2;
  return {
    lines: [
      text(LEFT - 10, middle - 1, scenarios[name].title, 'text-anchor="end"'),
      text(
        LEFT - 10,
        middle + 12,
        `${servers.upstream.title}: ${digits(row.upstream.cpu_us)} µs`,
        'text-anchor="end" class="small"',
      ),
      ...present.flatMap((one, i) => bar(one, row, y + i * BAR)),
    ],
    height: Math.max(present.length * BAR, 24) + GAP,
  };
}

function legend() {
  let x = LEFT;
  const items = BARS.flatMap(([name, color]) => {
    const { title } = servers[name];
    const item = [rect(x, 50, 10, 10, color), text(x + 14, 59, title, 'class="small"')];
    x += 30 + title.length * 6;
    return item;
  });
  return [...items, text(10, 59, "dark part of a bar: JavaScript thread", 'class="small"')];
}

function grid(bottom) {
  return [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const x = LEFT + share * UNIT;
    const stroke = share === 1 ? "#52525b" : "#e4e4e7";
    return [
      `<line x1="${at(x)}" y1="${TOP - 8}" x2="${at(x)}" y2="${at(bottom)}" stroke="${stroke}"/>`,
      text(x, TOP - 12, `${share * 100} %`, 'text-anchor="middle" class="small"'),
    ];
  });
}

/** The chart of one run as SVG; rows without CPU times of upstream and an attached server are left out. */
export function chart(run) {
  const lines = [];
  let y = TOP;
  for (const [name, row] of Object.entries(run?.rows ?? {})) {
    const shown = row.upstream?.cpu_us > 0 && row.attached?.cpu_us > 0 && !scenarios[name].memory;
    if (!shown || name === "lone") continue;
    const { lines: more, height } = group(name, row, y);
    lines.push(...more);
    y += height;
  }
  const height = y + 10;
  const node = run ? `, Node ${run.about.node.slice(1)}` : "";
  const title = `CPU time per operation, socket.io + ws = 100 %; shorter is better${node}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
      `height="${height}" role="img" aria-label="${escaped(title)}">`,
    "<style>text{font:12px system-ui,sans-serif;fill:#18181b}.small{font-size:10px;fill:#52525b}" +
      ".title{font-size:15px;font-weight:600}</style>",
    rect(0, 0, WIDTH, height, "#ffffff"),
    text(10, 28, title, 'class="title"'),
    ...legend(),
    ...grid(y - GAP / 2),
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}
