// The types that a package infers for typed events: for each way to an emitter, each of its generic
// members and each event, as text. Two packages are compared by it.
import path from "node:path";
import ts from "typescript";

const OPTIONS = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  lib: ["lib.es2023.d.ts"],
  types: ["node"],
};

/** Event maps, by name: what applications declare, and what is easily forgotten. */
const MAPS = {
  Typed: `interface Typed {
    noArg: () => void;
    number: (n: number) => void;
    optional: (n: number, text?: string) => void;
    rest: (...items: number[]) => void;
    union: (value: string | number) => void;
    message: (text: string, n: number) => void;
    object: (value: { done: () => void }) => void;
    async: (n: number) => Promise<void>;
    ackNothing: (done: () => void) => void;
    ackOne: (question: string, answer: (yes: boolean) => void) => void;
    ackTwo: (question: string, answer: (yes: boolean, why: string) => void) => void;
    ackThree: (answer: (a: number, b: string, c: Buffer) => void) => void;
    ackObject: (answer: (value: { id: number }) => void) => void;
    ackUnion: (answer: (value: string | number) => void) => void;
    ackArray: (answer: (values: string[]) => void) => void;
    ackPromise: (answer: (n: number) => Promise<void>) => void;
    ackError: (done: (error: Error) => void) => void;
    ackErrorOne: (answer: (error: Error, n: number) => void) => void;
    ackErrorTwo: (answer: (error: Error, n: number, text: string) => void) => void;
    ackTypeError: (answer: (error: TypeError, n: number) => void) => void;
    ackNullable: (answer: (error: Error | null, n: number) => void) => void;
    ackMaybe: (answer: (n?: number) => void) => void;
    ackLastMaybe: (answer: (n: number, text?: string) => void) => void;
    ackRest: (answer: (...n: number[]) => void) => void;
    ackAny: (answer: (...args: any[]) => void) => void;
    ackAnyOne: (answer: (value: any) => void) => void;
    ackUnknown: (answer: (value: unknown) => void) => void;
    ackNever: (answer: (value: never) => void) => void;
    maybeAck: (n: number, answer?: (n: number) => void) => void;
    ackFirst: (answer: (n: number) => void, n: number) => void;
    twoAcks: (one: (n: number) => void, other: (text: string) => void) => void;
  }`,
  Loose: "interface Loose { any: any; arg: (value: any) => void; ack: (f: (n: number) => void) => void }",
  Indexed: "interface Indexed { [event: string]: (n: number, answer: (text: string) => void) => void }",
  Default: 'type Default = import("package-under-test").DefaultEventsMap;',
  Any: "type Any = any;",
  None: "type None = Record<never, never>;",
};

const CLASSES = {
  Server: "Server<M, M, M, Data>",
  Namespace: "Namespace<M, M, M, Data>",
  Socket: "Socket<M, M, M, Data>",
  BroadcastOperator: "BroadcastOperator<M, Data>",
  RemoteSocket: "RemoteSocket<M, Data>",
};

/** The ways from an object to others that emit. */
const STEPS = ["timeout(5)", "to('r')", "in('r')", "except('r')", "compress(true)", "volatile"];
STEPS.push("local", "broadcast", "of('/')", "sockets", "nsp");

/** A file that has each type in a name of its own. */
function source(packageName, name) {
  const maps = Object.values(MAPS).join("\n");
  const objects = Object.entries(CLASSES).map(
    ([of, type]) => `export declare const ${of}_: ${type.replaceAll("M", name)
      .replace(/^(\w+)/, 'import("package-under-test").$1')};`,
  );
  const text = `${maps}\ninterface Data { name: string }\n${objects.join("\n")}\n`;
  return text.replaceAll("package-under-test", packageName);
}

const FLAGS =
  ts.TypeFormatFlags.NoTruncation |
  ts.TypeFormatFlags.InTypeAlias |
  ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;

/**
 * Infers types.
 *
 * @param {string} packageName - as files in `folder` import it
 * @param {string} folder - existing, in which the package is found
 * @returns {Map<string, string>} the types by what they are of, as `Typed Server.timeout(5).emit ackOne`
 */
export function inferredTypes(packageName, folder) {
  const found = new Map();
  for (const name of Object.keys(MAPS)) {
    const objects = source(packageName, name);
    const ways = reachable(folder, objects, name === "Typed" ? 2 : 1);
    for (const [of, text] of read(folder, objects, ways)) found.set(`${name} ${of}`, text);
  }
  return found;
}

/** Compiles one file that is not on disk. */
function compile(folder, text) {
  const file = path.join(folder, "inferred.ts");
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (one) => one === file || fileExists(one);
  host.getSourceFile = (one, version, ...rest) => {
    if (one === file) return ts.createSourceFile(one, text, version);
    if (!parsed.has(one)) parsed.set(one, getSourceFile(one, version, ...rest));
    return parsed.get(one);
  };
  const program = ts.createProgram([file], OPTIONS, host);
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(
    checker.getSymbolAtLocation(program.getSourceFile(file)),
  );
  const types = new Map(exported.map((one) => [one.name, checker.getTypeOfSymbol(one)]));
  return { checker, types };
}

/** Files of declarations that have been parsed: the same in every program. */
const parsed = new Map();

/** The ways of one step or two that exist: `Server_.to('r').timeout(5)`. */
function reachable(folder, objects, steps) {
  const all = Object.keys(CLASSES).flatMap((of) => [
    `${of}_`,
    ...STEPS.map((step) => `${of}_.${step}`),
    ...(steps === 1 ? [] : STEPS).flatMap((step) => STEPS.map((next) => `${of}_.${step}.${next}`)),
  ]);
  const lines = all.map((way, i) => `export const way${i} = ${way};`);
  const { types } = compile(folder, `${objects}\n${lines.join("\n")}`);
  return all.filter((_, i) => types.get(`way${i}`).intrinsicName !== "error");
}

const MEMBERS = ["emit", "emitWithAck", "serverSideEmit", "serverSideEmitWithAck", "on", "once"];
MEMBERS.push("listeners", "send", "write", "fetchSockets", "timeout");

/** The types of the members of all ways: the names that they take, and what each of them makes. */
function read(folder, objects, ways) {
  const lines = ways.flatMap((way, i) => [
    `export const w${i} = ${way};`,
    ...MEMBERS.map((member) => `export const w${i}_${member} = ${way}.${member};`),
  ]);
  const first = compile(folder, `${objects}\n${lines.join("\n")}`);
  const found = new Map();
  const probes = [];
  const seen = new Set();
  ways.forEach((way, i) => {
    const of = way.replace("_", "");
    const reached = first.checker.typeToString(first.types.get(`w${i}`), undefined, FLAGS);
    found.set(of, reached);
    // Another way to the same type.
    if (seen.has(reached)) return;
    seen.add(reached);
    for (const member of MEMBERS) {
      const type = first.types.get(`w${i}_${member}`);
      const [signature] = type.getCallSignatures();
      if (signature === undefined) continue;
      const at = `${of}.${member}`;
      const [parameter] = signature.typeParameters ?? [];
      if (parameter === undefined) {
        probes.push({ at, of: `${way}.${member}` });
        continue;
      }
      const names = first.checker.getBaseConstraintOfType(parameter);
      const texts = (names.isUnion() ? names.types : [names]).map((one) =>
        first.checker.typeToString(one, undefined, FLAGS),
      );
      found.set(`${at} takes`, texts.sort().join(" | "));
      for (const event of texts) {
        if (event === "never") continue;
        probes.push({ at: `${at} ${event}`, of: `${way}.${member}<${event}>` });
      }
    }
  });
  const text = probes.map(({ of }, i) => {
    const name = `probe${i}`;
    return `const of_${name} = ${of};
      export declare const ${name}_takes: Parameters<typeof of_${name}>;
      export declare const ${name}_gives: ReturnType<typeof of_${name}>;`;
  });
  const second = compile(folder, `${objects}\n${text.join("\n")}`);
  probes.forEach(({ at }, i) => {
    for (const side of ["takes", "gives"]) {
      const type = second.types.get(`probe${i}_${side}`);
      found.set(`${at}: ${side}`, second.checker.typeToString(type, undefined, FLAGS));
    }
  });
  return found;
}
