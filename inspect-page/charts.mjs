// Charts of the last two minutes, as inline SVG.
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, SAMPLES] = [240, 80, 120];

const node = (name, attributes) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

/**
 * Adds a chart to an element.
 *
 * @param title - text above it
 * @param lines - `[name, property of a sample]`, one or two
 * @param show - the text of a value
 * @returns a function that draws samples
 */
export function addChart(parent, title, lines, show) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  const svg = node("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
  });
  svg.append(node("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 }));
  svg.append(node("line", { x1: 0, x2: WIDTH, y1: 1, y2: 1 }));
  const paths = lines.map((_, i) => node("path", i === 1 ? { class: "second" } : {}));
  svg.append(...paths);
  const key = document.createElement("p");
  key.className = "key";
  const labels = lines.map((_, i) => {
    const label = document.createElement("span");
    if (i === 1) label.className = "second";
    return label;
  });
  key.append(...labels);
  figure.append(caption, svg, key);
  parent.append(figure);

  return (samples) => {
    const top = Math.max(...lines.flatMap(([, name]) => samples.map((one) => one[name] ?? 0)), 0);
    const last = samples.at(-1);
    lines.forEach(([name, property], i) => {
      paths[i].setAttribute("d", pathOf(samples, property, top || 1));
      labels[i].textContent = `${name} ${show(last?.[property] ?? 0)}`;
    });
    caption.textContent = `${title} (highest: ${show(top)})`;
    const now = labels.map((label) => label.textContent).join(", ");
    svg.setAttribute("aria-label", `${title}. Now: ${now}. Highest: ${show(top)}.`);
  };
}

/** The line of a property: a gap where a sample has no value. */
function pathOf(samples, property, top) {
  const last = samples.at(-1)?.at ?? 0;
  let path = "";
  let pen = "M";
  for (const sample of samples) {
    const value = sample[property];
    if (value === null) {
      pen = "M";
      continue;
    }
    const x = WIDTH - ((last - sample.at) / 1000) * (WIDTH / SAMPLES);
    const y = HEIGHT - 2 - (value / top) * (HEIGHT - 4);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  }
  return path;
}
