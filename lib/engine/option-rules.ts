/**
 * The values that each option takes, serves with a warning, or refuses. The values that were tried
 * on socket.io stand in `__test__/options/values.mjs` and `odd-values.test.mjs`.
 */
import { createGzip } from "node:zlib";

import cookie = require("cookie");

import {
  becomesText,
  check,
  checkFields,
  hasMethod,
  INT32_MAX,
  invalidArgument,
  invalidOption,
  isConstructor,
  isObject,
  MS,
  numberOf,
  type Rule,
  type Rules,
  shown,
} from "./validate";

/** 0 and fractions are taken for 1, as timers do, and without a word. */
function effectOfDelay(value: unknown): string | undefined {
  const ms = numberOf(value) as number;
  return ms >= 0 && ms <= INT32_MAX ? undefined : "1 ms counts";
}

/** A delay that is read whatever it is. */
const DELAY: Rule = {
  takes: MS,
  serves: (value) => numberOf(value) !== undefined,
  effect: (value) => (value === undefined ? "1 ms counts" : effectOfDelay(value)),
};

/** A delay with a default for everything that is falsy. */
const DELAY_OR_DEFAULT: Rule = {
  takes: MS,
  serves: (value) => !value || numberOf(value) !== undefined,
  effect: (value) => (value ? effectOfDelay(value) : undefined),
};

/** A switch takes any value; a text such as "false" is the usual mistake. */
function switchRule(isOn: (value: unknown) => boolean): Rule {
  return {
    takes: "a boolean",
    effect: (value) => {
      if (value === undefined || value === null || typeof value === "boolean") return undefined;
      const on = isOn(value);
      return value === Number(on) ? undefined : `it counts as ${on}`;
    },
  };
}

const SWITCH = switchRule(Boolean);
const SWITCH_UNLESS_FALSE = switchRule((value) => value !== false);

const PATH: Rule = {
  takes: 'a string that begins with "/"',
  serves: (value) => !value || hasMethod(value, "replace"),
  effect: (value) => {
    const isWrong = typeof value === "string" && value !== "" && value[0] !== "/";
    return isWrong ? "no URL begins with it" : undefined;
  },
};

const SIZE: Rule = {
  takes: "a number of bytes from 1",
  serves: (value) => numberOf(value) !== undefined,
  effect: (value) => {
    const bytes = numberOf(value) as number;
    if (bytes >= 1) return undefined;
    return Number.isNaN(bytes) ? "there is no limit" : "no request body is taken";
  },
};

const TRANSPORTS = ["polling", "websocket", "webtransport"];

/** The effect of an object among whose fields the defaults are filled in. */
function effectOfFields(value: unknown): string | undefined {
  const isWrong = value && value !== true && !isObject(value);
  return isWrong ? "it counts as true" : undefined;
}

/** Options of the Socket.IO level. */
const SERVER_RULES: Rules = {
  // The warning is given by the engine that gets the path.
  path: { takes: PATH.takes, serves: PATH.serves },
  connectTimeout: DELAY_OR_DEFAULT,
  serveClient: SWITCH_UNLESS_FALSE,
  parser: {
    takes: "an object with the constructors Encoder and Decoder",
    serves: (value) => !value || (isConstructor(value.Encoder) && isConstructor(value.Decoder)),
  },
  connectionStateRecovery: { takes: "an object of options", effect: effectOfFields },
  adapter: {
    takes: "a class, or a function that can be called with new",
    serves: (value) => !value || isConstructor(value),
  },
  cleanupEmptyChildNamespaces: SWITCH,
};

/** Options of {@link Server.attach} of the engine. */
const ATTACH_RULES: Rules = {
  path: PATH,
  destroyUpgrade: SWITCH_UNLESS_FALSE,
  destroyUpgradeTimeout: DELAY_OR_DEFAULT,
  addTrailingSlash: SWITCH_UNLESS_FALSE,
};

/** Options of the engine. */
const ENGINE_RULES: Rules = {
  transports: {
    takes: 'an array of "polling", "websocket" or "webtransport"',
    serves: (value) => hasMethod(value, "indexOf"),
    effect: (value) => {
      if (typeof value === "string") {
        const found = TRANSPORTS.filter((name) => value.includes(name));
        return `${found.length > 0 ? found.join(" and ") : "no transport"} is enabled`;
      }
      if (!Array.isArray(value)) return undefined;
      const unknown = value.filter((name) => !TRANSPORTS.includes(name)).map(shown);
      return unknown.length > 0 ? `there is no transport ${unknown.join(" or ")}` : undefined;
    },
  },
  pingInterval: DELAY,
  pingTimeout: DELAY,
  upgradeTimeout: DELAY,
  maxHttpBufferSize: SIZE,
  httpRequestBodyTimeout: DELAY,
  maxBufferedChunks: {
    takes: "a number of chunks from 1",
    serves: (value) => numberOf(value) !== undefined,
    effect: (value) => {
      const chunks = numberOf(value) as number;
      if (chunks >= 1) return undefined;
      return Number.isNaN(chunks) ? "there is no limit" : "no request body is taken";
    },
  },
  allowRequest: {
    takes: "a function (request, callback)",
    serves: (value) => !value || typeof value === "function",
  },
  allowUpgrades: SWITCH,
  allowEIO3: SWITCH,
  perMessageDeflate: { takes: "a boolean or an object of options", effect: effectOfFields },
  httpCompression: { takes: "a boolean or an object of options", effect: effectOfFields },
  cookie: { takes: "a boolean or an object of options", effect: effectOfFields },
  initialPacket: {
    takes: "a string, a Buffer or another binary value",
    serves: (value) => !value || ArrayBuffer.isView(value) || becomesText(value),
  },
  cors: {
    takes: "an object of options, or a function",
    effect: (value) =>
      typeof value === "function" || !effectOfFields(value) ? undefined : "every origin is allowed",
  },
};

/** A field that is served whatever it is; values that are neither absent nor met have an effect. */
function oneOf(takes: string, isMet: (value: any) => boolean, effect: string): Rule {
  const isFine = (value: unknown) => value === undefined || isMet(value);
  return { takes, effect: (value) => (isFine(value) ? undefined : effect) };
}

const isText = (value: unknown) => typeof value === "string";
const isNumber = (value: unknown) => !Number.isNaN(numberOf(value) ?? Number.NaN);
const isWindow = (value: any) =>
  typeof value !== "number" || (Number.isInteger(value) && value >= 8 && value <= 15);
const isListOrText = (value: unknown) => isText(value) || Array.isArray(value) || !value;

const RECOVERY_FIELDS: Rules = {
  maxDisconnectionDuration: {
    takes: "a number of milliseconds",
    serves: (value) => numberOf(value) !== undefined,
    effect: (value) =>
      Number.isNaN(numberOf(value)) ? "sessions are kept without end" : undefined,
  },
  skipMiddlewares: SWITCH,
};

const DEFLATE_FIELDS: Rules = {
  threshold: oneOf("a number of bytes", isNumber, "no message is that long"),
  serverNoContextTakeover: SWITCH,
  clientNoContextTakeover: SWITCH,
  serverMaxWindowBits: oneOf(
    "an integer from 8 to 15, or a boolean",
    isWindow,
    "clients that offer compression cannot connect",
  ),
  clientMaxWindowBits: oneOf(
    "an integer from 8 to 15, or a boolean",
    isWindow,
    "clients that offer compression cannot connect",
  ),
};

const CORS_FIELDS: Rules = {
  origin: oneOf(
    "a boolean, a string, a regular expression, an array of these, or a function",
    (value) =>
      !value || value === true || isText(value) || isObject(value) || hasMethod(value, "call"),
    "every origin is allowed",
  ),
  methods: oneOf(
    "a string or an array of strings",
    (value) => isText(value) || Array.isArray(value),
    "preflight requests may be refused",
  ),
  allowedHeaders: oneOf("a string or an array of strings", isListOrText, "no header is sent"),
  exposedHeaders: oneOf("a string or an array of strings", isListOrText, "no header is sent"),
  credentials: oneOf("a boolean", (value) => typeof value === "boolean" || !value, "it is off"),
  maxAge: oneOf("a number of seconds", (value) => !value || isNumber(value), "clients ignore it"),
  preflightContinue: SWITCH,
  optionsSuccessStatus: oneOf("a status code", isNumber, "preflight requests fail"),
};

/** The fields of `cookie` that the cookie package checks. */
const COOKIE_FIELDS: Record<string, string> = {
  name: "a name that a cookie can have",
  encode: "a function that gives the value of a cookie",
  maxAge: "a number of seconds",
  domain: "a domain name",
  path: "a path without control characters and semicolons",
  expires: "a valid Date",
  priority: '"low", "medium" or "high"',
  sameSite: '"lax", "strict", "none" or a boolean',
};

/** @throws TypeError for options with which no cookie can be written */
function checkCookie({ name, ...options }: Record<string, unknown>): void {
  try {
    cookie.serialize(name as string, "id", options);
  } catch (cause) {
    for (const [field, takes] of Object.entries(COOKIE_FIELDS)) {
      const value = field === "name" ? name : options[field];
      if (!isCookieField(field, value)) {
        throw invalidOption(`cookie.${field}`, takes, value, "type", cause);
      }
    }
    throw cause;
  }
}

function isCookieField(field: string, value: any): boolean {
  try {
    cookie.serialize(
      field === "name" ? value : "io",
      "id",
      field === "name" ? {} : { [field]: value },
    );
    return true;
  } catch {
    return false;
  }
}

/** The values that zlib takes; a range may be narrower on some versions of Node. */
const ZLIB_FIELDS: Record<string, string> = {
  level: "an integer from -1 to 9",
  windowBits: "an integer from 9 to 15",
  memLevel: "an integer from 1 to 9",
  strategy: "one of the strategies of zlib, an integer from 0 to 4",
  flush: "one of the flush values of zlib, an integer from 0 to 5",
  finishFlush: "one of the flush values of zlib, an integer from 0 to 5",
  chunkSize: "an integer from 64",
  maxOutputLength: "an integer from 1",
  dictionary: "a Buffer or another binary value",
};

/** @throws TypeError or RangeError for options that zlib does not take */
function checkCompression(options: unknown): void {
  if (!isObject(options)) return;
  const { threshold } = options as Record<string, unknown>;
  if (typeof threshold !== "bigint" && numberOf(threshold) === undefined) {
    throw invalidOption("httpCompression.threshold", "a number of bytes", threshold);
  }
  try {
    createGzip(options as object).close();
  } catch (cause) {
    const { message } = cause as Error;
    const field = Object.keys(ZLIB_FIELDS).find((name) => message.includes(`"options.${name}"`));
    if (field === undefined) throw cause;
    const value = (options as Record<string, unknown>)[field];
    const fault = cause instanceof RangeError ? "range" : "type";
    throw invalidOption(`httpCompression.${field}`, ZLIB_FIELDS[field], value, fault, cause);
  }
}

// --- options ----------------------------------------------------------------------------------

/**
 * Checks the options of the Socket.IO level.
 *
 * @param read - gives an option by its name
 * @throws TypeError for a value that cannot be served
 */
export function checkServerOptions(read: (name: string) => unknown): void {
  check(SERVER_RULES, read);
}

/**
 * Checks the options of connection state recovery.
 *
 * @throws TypeError for a value that cannot be served
 */
export function checkRecovery(options: object): void {
  check(
    RECOVERY_FIELDS,
    (name) => (options as Record<string, unknown>)[name],
    "connectionStateRecovery.",
  );
}

/**
 * Checks the options of {@link Server.attach} of the engine.
 *
 * @throws TypeError for a value that cannot be served
 */
export function checkAttachOptions(options: object): void {
  check(ATTACH_RULES, (name) => (options as Record<string, unknown>)[name]);
}

/**
 * Checks the options of the engine.
 *
 * @param options - with the defaults filled in
 * @param given - as they were given
 * @throws TypeError or RangeError for a value that cannot be served
 */
export function checkEngineOptions(options: Record<string, any>, given: Record<string, any>): void {
  const isMerged = (name: string) => name === "cookie" || name === "perMessageDeflate";
  check(ENGINE_RULES, (name) => (isMerged(name) ? given : options)[name]);
  if (options.cookie) checkCookie(options.cookie);
  checkCompression(options.httpCompression);
  checkFields(DEFLATE_FIELDS, "perMessageDeflate", options.perMessageDeflate);
  checkFields(CORS_FIELDS, "cors", options.cors);
}

/** @throws TypeError for a `wsEngine` that is no class */
export function checkWsEngine(wsEngine: unknown): void {
  if (isConstructor(wsEngine)) return;
  throw invalidOption("wsEngine", "a class of WebSocket servers", wsEngine);
}

/** @throws TypeError for an adapter without `init()`, which is called when its namespace is made */
export function checkAdapter(adapter: unknown): void {
  if (hasMethod(adapter, "init")) return;
  throw invalidOption("adapter", "a class whose instances have a method init()", adapter);
}

/** @throws TypeError for an adapter class that `new` does not take */
export function checkAdapterClass(call: string, value: unknown): void {
  if (isConstructor(value)) return;
  throw invalidArgument(call, "adapter", SERVER_RULES.adapter.takes, value);
}
