/**
 * Checks options and arguments. A wrong value gets one sentence: it names the option, says what is
 * taken and shows the value. A value that socket.io cannot serve is refused with it. A value that
 * socket.io serves, but that can only be a mistake, is served as there; the sentence is a warning of
 * the process, with the effect that the value has.
 */
/** The longest delay of a timer in ms, and the largest limit of a message in bytes. */
export const INT32_MAX = 2 ** 31 - 1;

/** The codes of the errors of this module. */
export type ValidationCode =
  | "ERR_INVALID_OPTION"
  | "ERR_INVALID_ARG_TYPE"
  | "ERR_INVALID_ARG_VALUE";

/** A value of the right type that is out of range, or one of a wrong type. */
type Fault = "type" | "range";

/** A value as a sentence shows it: short, and without running code of the application. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
    case "bigint":
      return `${value}n`;
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : shownObject(value);
    default:
      return String(value);
  }
}

function shownObject(value: object): string {
  if (Array.isArray(value)) return "an array";
  try {
    const made = Object.getPrototypeOf(value).constructor;
    const name = typeof made === "function" && typeof made.name === "string" ? made.name : "";
    return name === "" || name === "Object" ? "an object" : `an instance of ${name}`;
  } catch {
    return "an object";
  }
}

function failure(message: string, code: ValidationCode, fault: Fault, cause?: unknown): Error {
  const options = cause === undefined ? undefined : { cause };
  const error =
    fault === "type" ? new TypeError(message, options) : new RangeError(message, options);
  return Object.assign(error, { code });
}

function sentence(name: string, takes: string, value: unknown): string {
  return `options.${name} must be ${takes}, got ${shown(value)}`;
}

/**
 * The error for a wrong option.
 *
 * @param name - with its parents: `"cookie.path"`
 * @param takes - completes "must be …"
 * @param fault - `"type"` gives a TypeError, `"range"` a RangeError
 */
export function invalidOption(
  name: string,
  takes: string,
  value: unknown,
  fault: Fault = "type",
  cause?: unknown,
): Error {
  return failure(sentence(name, takes, value), "ERR_INVALID_OPTION", fault, cause);
}

/** The error for an option that there is not. */
export function unknownOption(name: string, known: readonly string[]): Error {
  const message = `options.${name} is not an option: there are ${known.join(", ")}`;
  return failure(message, "ERR_INVALID_OPTION", "type");
}

/**
 * The error for a wrong argument.
 *
 * @param call - the function: `"attach()"`
 * @param name - the argument
 * @param takes - completes "must be …"
 */
export function invalidArgument(
  call: string,
  name: string,
  takes: string,
  value: unknown,
  cause?: unknown,
): Error {
  const message = `${call}: ${name} must be ${takes}, got ${shown(value)}`;
  return failure(message, "ERR_INVALID_ARG_TYPE", "type", cause);
}

// --- kinds of values --------------------------------------------------------------------------

/** The values that delays take. */
export const MS = `a number of milliseconds from 1 to ${INT32_MAX}`;

/** The number that a timer or a comparison reads; undefined for what throws there. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === "bigint") return undefined;
  try {
    return Number(value);
  } catch {
    return undefined;
  }
}

/** Returns true if a value can stand in a template literal. */
export function becomesText(value: unknown): boolean {
  try {
    return typeof `${value as string}` === "string";
  } catch {
    return false;
  }
}

/** Returns true if `new value()` is possible. Runs no code of the value. */
export function isConstructor(value: unknown): boolean {
  if (typeof value !== "function") return false;
  try {
    new (new Proxy(value, { construct: () => ({}) }) as unknown as new () => object)();
    return true;
  } catch {
    return false;
  }
}

/** Returns true if a value has a method of that name, of its own or inherited. */
export function hasMethod(value: unknown, name: string): boolean {
  return value !== null && value !== undefined && typeof (value as any)[name] === "function";
}

/** Returns true if a value is an object and no function. */
export function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

// --- rules ------------------------------------------------------------------------------------

/** The values that an option takes. */
export interface Rule {
  /** Completes "must be …". */
  takes: string;
  /** Returns true if the value can be served. Default: each can. */
  serves?: (value: any) => boolean;
  /** For a value that can be served although the option does not take it: the effect. */
  effect?: (value: any) => string | undefined;
}

/** Rules by the names of options. */
export type Rules = Record<string, Rule>;

/**
 * Checks each value that `read` gives for the name of a rule.
 *
 * @param parent - goes before the names: `"cors."`
 * @throws TypeError for a value that cannot be served
 */
export function check(rules: Rules, read: (name: string) => unknown, parent = ""): void {
  for (const name of Object.keys(rules)) {
    const { takes, serves, effect } = rules[name];
    const value = read(name);
    if (serves !== undefined && !serves(value)) throw invalidOption(parent + name, takes, value);
    const comesOfIt = effect?.(value);
    if (comesOfIt !== undefined) warn(`${sentence(parent + name, takes, value)}: ${comesOfIt}`);
  }
}

function warn(message: string): void {
  process.emitWarning(message, { code: "ERR_INVALID_OPTION" });
}

/** Looks at the fields of an option that is served whatever they are, so it must not throw. */
export function checkFields(rules: Rules, name: string, value: unknown): void {
  if (!isObject(value)) return;
  const read = (field: string) => {
    try {
      return (value as Record<string, unknown>)[field];
    } catch {
      // A getter: it throws for those that need the value.
      return undefined;
    }
  };
  check(rules, read, `${name}.`);
}

// --- arguments --------------------------------------------------------------------------------

/**
 * The port that an argument spells: whatever equals its number, as `"8080"` does.
 *
 * @returns undefined if it is none
 */
export function portOf(value: unknown): number | undefined {
  try {
    const port = Number(value);
    if (typeof value === "number") return port;
    // biome-ignore lint/suspicious/noDoubleEquals: the comparison decides
    return port == (value as unknown) ? port : undefined;
  } catch {
    return undefined;
  }
}

/** @throws TypeError for what has not the listeners of an HTTP server */
export function checkHttpServer(call: string, server: unknown): void {
  const methods = ["listeners", "removeAllListeners", "on"];
  if (methods.every((name) => hasMethod(server, name))) return;
  throw invalidArgument(call, "server", "an HTTP server or a port", server);
}

/** @throws TypeError for what is no function */
export function checkFunction(call: string, name: string, value: unknown): void {
  if (typeof value !== "function") throw invalidArgument(call, name, "a function", value);
}

/** @throws TypeError for what has no method of that name */
export function checkMethod(
  call: string,
  name: string,
  takes: string,
  value: unknown,
  method: string,
) {
  if (!hasMethod(value, method)) throw invalidArgument(call, name, takes, value);
}

/** @throws TypeError for what becomes no text */
export function checkText(call: string, name: string, takes: string, value: unknown): void {
  if (!becomesText(value)) throw invalidArgument(call, name, takes, value);
}

/**
 * Checks the object of options.
 *
 * @throws TypeError for what cannot have properties
 */
export function checkOptionsObject(call: string, options: unknown): void {
  if ((isObject(options) || typeof options === "function") && options !== null) return;
  throw invalidArgument(call, "options", "an object", options);
}

/**
 * Sets an option in the object of the application.
 *
 * @throws TypeError for an object that does not take it
 */
export function setOption(call: string, options: object, name: string, value: unknown): void {
  try {
    (options as Record<string, unknown>)[name] = value;
  } catch (cause) {
    if (Object.isExtensible(options)) throw cause;
    const message = `${call}: options must be extensible, got ${shown(options)} that is not extensible`;
    throw failure(message, "ERR_INVALID_ARG_VALUE", "type", cause);
  }
}

/** @throws TypeError for what timers do not take for a delay */
export function checkDelay(call: string, name: string, value: unknown): void {
  if (numberOf(value) === undefined) throw invalidArgument(call, name, MS, value);
}
