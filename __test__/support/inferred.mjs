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
  Loose:
    "interface Loose { any: any; arg: (value: any) => void; ack: (f: (n: number) => void) => void }",
  Indexed:
    "interface Indexed { [event: string]: (n: number, answer: (text: string) => void) => void }",
  Default: 'type Default = import("package-under-test").DefaultEventsMap;',
  Any: "type Any = any;",
  None: "type None = Record<never, never>;",
};

/** Classes with their type parameters; M is the map. */
const CLASSES = {
  Server: "M, M, M, Data",
  Namespace: "M, M, M, Data",
  Socket: "M, M, M, Data",
  BroadcastOperator: "M, Data",
  RemoteSocket: "M, Data",
};

/** The ways from an object to others that emit. */
const STEPS = [
  ...["timeout(5)", "to('r')", "in('r')", "except('r')", "compress(true)", "volatile", "local"],
  ...["broadcast", "of('/')", "sockets", "nsp"],
];

const MEMBERS = [
  ...["emit", "emitWithAck", "serverSideEmit", "serverSideEmitWithAck", "on", "once", "listeners"],
  ...["send", "write", "fetchSockets", "timeout"],
];

/** A file that has an object of each class for each map: `Typed_Server`. */
function source(packageName) {
  const lines = [...Object.values(MAPS), "interface Data { name: string }"];
  for (const map of Object.keys(MAPS)) {
    for (const [name, parameters] of Object.entries(CLASSES)) {
      const type = `import("package-under-test").${name}<${parameters.replaceAll("M", map)}>`;
      lines.push(`export declare const ${map}_${name}: ${type};`);
    }
  }
  return lines.join("\n").replaceAll("package-under-test", packageName);
}

/** All types as text, without the names of aliases where that is possible. */
const FLAGS =
  ts.TypeFormatFlags.NoTruncation |
  ts.TypeFormatFlags.InTypeAlias |
  ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;

/**
 * Infers types.
 *
 * @param {string} packageName - as files in `folder` import it
 * @param {string} folder - existing, in which the package is found
 * @returns {Map<string, string>} the types by what they are of: `Typed_Server.timeout(5).emit "ackOne": takes`
 */
export function inferredTypes(packageName, folder) {
  const objects = source(packageName);
  const members = readMembers(folder, objects, reachable(folder, objects));
  return new Map([...members.found, ...readEvents(folder, objects, members.probes)]);
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
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  const exported = checker.getExportsOfModule(module);
  const types = new Map(exported.map((one) => [one.name, checker.getTypeOfSymbol(one)]));
  return { checker, types, print: (type) => checker.typeToString(type, undefined, FLAGS) };
}

/** Files of declarations that have been parsed: the same in every program. */
const parsed = new Map();

/** The ways of one step that exist, and of two for the first map: `Typed_Server.to('r').timeout(5)`. */
function reachable(folder, objects) {
  const all = Object.keys(MAPS).flatMap((map, i) =>
    Object.keys(CLASSES).flatMap((name) => {
      const of = `${map}_${name}`;
      const twice = i === 0 ? STEPS.flatMap((one) => STEPS.map((two) => `${one}.${two}`)) : [];
      return [of, ...[...STEPS, ...twice].map((steps) => `${of}.${steps}`)];
    }),
  );
  const lines = all.map((way, i) => `export const way${i} = ${way};`);
  const { types } = compile(folder, `${objects}\n${lines.join("\n")}`);
  return all.filter((_, i) => types.get(`way${i}`).intrinsicName !== "error");
}

/** The events that the members of all ways take, and what is to be asked of each. */
function readMembers(folder, objects, ways) {
  const lines = ways.flatMap((way, i) => [
    `export const way${i} = ${way};`,
    ...MEMBERS.map((member) => `export const way${i}_${member} = ${way}.${member};`),
  ]);
  const { checker, types, print } = compile(folder, `${objects}\n${lines.join("\n")}`);
  const found = new Map();
  const probes = [];
  const seen = new Set();
  ways.forEach((way, i) => {
    const reached = print(types.get(`way${i}`));
    found.set(way, reached);
    // Another way to the same type.
    if (seen.has(reached)) return;
    seen.add(reached);
    for (const member of MEMBERS) {
      const of = `${way}.${member}`;
      const [signature] = types.get(`way${i}_${member}`).getCallSignatures();
      const [parameter] = signature?.typeParameters ?? [];
      if (parameter === undefined) {
        if (signature !== undefined) probes.push({ at: of, of });
        continue;
      }
      const names = checker.getBaseConstraintOfType(parameter);
      const events = (names.isUnion() ? names.types : [names]).map(print).sort();
      found.set(`${of} takes`, events.join(" | "));
      for (const event of events) {
        if (event !== "never") probes.push({ at: `${of} ${event}`, of: `${of}<${event}>` });
      }
    }
  });
  return { found, probes };
}

/** The arguments and the result of each member for each event. */
function readEvents(folder, objects, probes) {
  const lines = probes.flatMap(({ of }, i) => [
    `const probe${i} = ${of};`,
    `export declare const takes${i}: Parameters<typeof probe${i}>;`,
    `export declare const gives${i}: ReturnType<typeof probe${i}>;`,
  ]);
  const { types, print } = compile(folder, `${objects}\n${lines.join("\n")}`);
  return probes.flatMap(({ at }, i) => [
    [`${at}: takes`, print(types.get(`takes${i}`))],
    [`${at}: gives`, print(types.get(`gives${i}`))],
  ]);
}
