/** The headers of CORS, for options with which they depend on the origin alone. */
import corsModule = require("cors");

/** Header lines by origin; the native listener sends them without this thread. */
export interface StaticCors {
  /** By origin. */
  origins: Record<string, [name: string, value: string][]>;
  /** For all other origins, and requests without one. */
  others: [name: string, value: string][];
}

const NO_ORIGIN = "";
const ASCII = /^[\t\x20-\x7e]*$/;

/**
 * The headers of simple requests under `options` of the cors package, as that package gives them;
 * `null` if a request has to be there to tell (functions, expressions, reflected origins), or for
 * values that are no ASCII, which only Node writes as Node does.
 */
export function staticCors(options: unknown): StaticCors | null {
  if (!options) return { origins: {}, others: [] };
  if (typeof options === "function") return null;
  const origin = typeof options === "object" ? (options as { origin?: unknown }).origin : undefined;
  const named = Array.isArray(origin) ? origin : [];
  const isStatic = origin === undefined || origin === false || typeof origin === "string";
  if (!isStatic && !(named.length > 0 && named.every((one) => typeof one === "string")))
    return null;
  const middleware = corsModule(options as corsModule.CorsOptions);
  const lines = [...named, NO_ORIGIN].map((one) => ask(middleware, one));
  const others = lines.pop() as [name: string, value: string][];
  if (![...lines, others].flat().every(([, value]) => ASCII.test(value))) return null;
  return { origins: Object.fromEntries(named.map((one, i) => [one, lines[i]])), others };
}

type CorsMiddleware = (req: any, res: any, next: () => void) => void;

/** Returns the headers that the middleware sets for a request of an origin. */
function ask(middleware: CorsMiddleware, origin: string): [name: string, value: string][] {
  const fields = new Map<string, [name: string, value: string]>();
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
