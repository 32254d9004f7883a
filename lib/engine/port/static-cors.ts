/** The headers of CORS, for options with which they depend on the origin alone. */
import corsModule = require("cors");

/** Header lines by origin; the native listener sends them without this thread. */
export interface StaticCors {
  /** By origin. */
  origins: Record<string, Line[]>;
  /** For requests without an origin, and for all other origins if these are known. */
  others: Line[];
  /** True if the lines of an origin that is not listed are known only once it has asked. */
  learns: boolean;
}

/** A line of a header. */
type Line = [name: string, value: string];

/** Origins that are learned. Requests of more of them go through Node. */
const MOST_LEARNED = 256;
const NO_ORIGIN = "";
const ASCII = /^[\t\x20-\x7e]*$/;

/**
 * The headers of simple requests under `options` of the cors package, as that package gives them.
 * `null` if a request has to be there to tell (functions, expressions with a state), or for values that
 * are no ASCII, which only Node writes as Node does.
 *
 * @param learned - origins that have asked already
 */
export function staticCors(options: unknown, learned: Iterable<string> = []): StaticCors | null {
  if (!options) return { origins: {}, others: [], learns: false };
  if (typeof options === "function") return null;
  const rules = rulesOf(options);
  if (!rules.every(isRule)) return null;
  const middleware = corsModule(options as corsModule.CorsOptions);
  const named = [...rules.filter((one) => typeof one === "string"), ...learned];
  const lines = [...named, NO_ORIGIN].map((one) => ask(middleware, one));
  const others = lines.pop() as Line[];
  if (![...lines, others].flat().every(([, value]) => ASCII.test(value))) return null;
  return {
    origins: Object.fromEntries(named.map((one, i) => [one, lines[i]])),
    others,
    learns: learnsOrigins(options),
  };
}

/** True if the lines of an origin are known only once it has asked. */
export function learnsOrigins(options: unknown): boolean {
  const rules = rulesOf(options);
  return rules.every(isRule) && !rules.every((rule) => typeof rule === "string");
}

/** The values that allow or refuse single origins; none if all get the same lines. */
function rulesOf(options: unknown): unknown[] {
  const origin =
    typeof options === "object" ? (options as { origin?: unknown } | null)?.origin : "";
  if (Array.isArray(origin)) return origin;
  return !origin || typeof origin === "string" ? [] : [origin];
}

/** True for values that allow or refuse an origin, and always the same one. */
function isRule(rule: unknown): boolean {
  if (typeof rule === "string" || typeof rule === "boolean") return true;
  const isPlain = rule instanceof RegExp && Object.getPrototypeOf(rule) === RegExp.prototype;
  return isPlain && !rule.global && !rule.sticky && Object.keys(rule).length === 0;
}

/** The origins that have asked an engine whose options tell of an origin only once it asks. */
export class LearnedOrigins implements Iterable<string> {
  private readonly origins = new Set<string>();

  /** Adds the origin of a request. Returns true if it was not known. */
  add(origin = NO_ORIGIN): boolean {
    const { origins } = this;
    if (origin === NO_ORIGIN || origins.has(origin)) return false;
    if (origins.size >= MOST_LEARNED || !ASCII.test(origin)) return false;
    origins.add(origin);
    return true;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.origins.values();
  }
}

type CorsMiddleware = (req: any, res: any, next: () => void) => void;

/** Returns the headers that the middleware sets for a request of an origin. */
function ask(middleware: CorsMiddleware, origin: string): Line[] {
  const fields = new Map<string, Line>();
  const response = {
    getHeader: (name: string) => fields.get(name.toLowerCase())?.[1],
    setHeader: (name: string, value: string) => {
      fields.set(name.toLowerCase(), [name, String(value)]);
    },
  };
  const headers = origin === NO_ORIGIN ? {} : { origin };
  middleware({ method: "GET", headers }, response, () => {});
  return [...fields.values()];
}
