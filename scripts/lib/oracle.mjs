// Tells whether the installed oracle is the newest that the ranges of socket.io bring.

/**
 * The packages that the oracle is made of, with the ranges in which it asks for them.
 *
 * @param {(name: string) => { version: string, dependencies?: Record<string, string> }} manifestOf - the
 *   manifest of an installed package
 * @returns {{ name: string, range: string, installed: string }[]}
 */
export function oracleParts(manifestOf) {
  const root = manifestOf("socket.io");
  const engine = manifestOf("engine.io");
  const [major, minor] = root.version.split(".");
  const ranges = {
    "socket.io": `~${major}.${minor}`,
    "engine.io": root.dependencies["engine.io"],
    "socket.io-adapter": root.dependencies["socket.io-adapter"],
    "socket.io-parser": root.dependencies["socket.io-parser"],
    ws: engine.dependencies.ws,
  };
  return Object.entries(ranges).map(([name, range]) => ({
    name,
    range,
    installed: manifestOf(name).version,
  }));
}

/** The order of two versions. Releases alone: ranges bring no others. */
const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });

/**
 * Compares the parts with what a registry has.
 *
 * @param {{ name: string, range: string, installed: string }[]} parts
 * @param {(name: string, range: string) => Promise<string[]>} ask - the versions of the registry within
 *   the range; rejected where it cannot be asked
 * @returns {Promise<{ outdated: { name: string, installed: string, newest: string }[], unasked: string[] }>}
 */
export async function findOutdated(parts, ask) {
  const outdated = [];
  const unasked = [];
  for (const { name, range, installed } of parts) {
    const versions = await ask(name, range).catch(() => []);
    const newest = versions
      .filter((one) => /^\d+\.\d+\.\d+$/.test(one))
      .sort(compare)
      .at(-1);
    if (newest === undefined) unasked.push(name);
    else if (compare(newest, installed) > 0) outdated.push({ name, installed, newest });
  }
  return { outdated, unasked };
}

/** Reads the versions that `npm view --json` prints: a text, a list, or nothing. */
export function versionsOf(printed) {
  if (printed.trim() === "") return [];
  const answer = JSON.parse(printed);
  return Array.isArray(answer) ? answer : [answer];
}

/** The command that installs the newest of all that is outdated. */
export const mend = (outdated) =>
  `npm install ${outdated.map(({ name, newest }) => `${name}@~${newest}`).join(" ")}`;
