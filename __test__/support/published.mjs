// The declarations that applications compile against: what is reached from the entries of the
// package, with its documentation.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const require = createRequire(import.meta.url);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ENTRIES = ["index.d.ts", "engine.d.ts", "inspect.d.ts"].map((file) => path.join(ROOT, file));

const OPTIONS = {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  lib: ["lib.es2023.d.ts"],
  types: ["node"],
};

/** Files that have been parsed: most are those of TypeScript and Node, and in every program. */
const parsed = new Map();

/** A program of files, and of sources that are not on disk. */
function compile(files, sources = new Map()) {
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => sources.has(file) || fileExists(file);
  host.readFile = (file) => sources.get(file) ?? readFile(file);
  host.getSourceFile = (file, ...rest) => {
    if (sources.has(file)) return ts.createSourceFile(file, sources.get(file), ...rest);
    if (!parsed.has(file)) parsed.set(file, getSourceFile(file, ...rest));
    return parsed.get(file);
  };
  return ts.createProgram(files, OPTIONS, host);
}

const isOurs = (node) => node.getSourceFile().fileName.startsWith(`${ROOT}dist/`);
const hasModifier = (node, kind) => node.modifiers?.some((one) => one.kind === kind) ?? false;
const isPrivate = (node) =>
  hasModifier(node, ts.SyntaxKind.PrivateKeyword) ||
  (node.name !== undefined && ts.isPrivateIdentifier(node.name));
const isProtected = (node) => hasModifier(node, ts.SyntaxKind.ProtectedKeyword);
const nameOf = (node) => (ts.isConstructorDeclaration(node) ? "constructor" : node.name?.text);

/** Text of the doc comment of a declaration, and the code of its examples. */
function documentation(node) {
  const text = ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? "")
    .join("\n");
  const examples = ts
    .getJSDocTags(node)
    .filter(({ tagName }) => tagName.text === "example")
    .map(({ comment }) => /```ts\n(.*?)\n```/s.exec(ts.getTextOfJSDocComment(comment) ?? "")?.[1]);
  return { text: text.trim(), examples };
}

/** Members of a class or interface by name; overloads, and the two accessors, are one member. */
function membersOf(declaration) {
  const members = new Map();
  for (const node of declaration.members) {
    const name = nameOf(node);
    if (name === undefined || isPrivate(node)) continue;
    const { text, examples } = documentation(node);
    const known = members.get(name);
    if (known !== undefined) {
      known.text ||= text;
      known.examples.push(...examples);
      continue;
    }
    const isMethod = ts.isMethodDeclaration(node) || ts.isMethodSignature(node);
    const kind = isMethod ? "method" : name === "constructor" ? name : "property";
    members.set(name, { name, kind, isProtected: isProtected(node), text, examples });
  }
  return [...members.values()];
}

/**
 * The exports of the entries, and every type of the package that it mentions.
 *
 * @returns classes and interfaces with their members, functions, and other values, each with its
 *   documentation
 */
export function readPublished() {
  const program = compile(ENTRIES);
  const checker = program.getTypeChecker();
  const found = new Map();
  const resolve = (symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

  const visit = (given) => {
    const symbol = resolve(given);
    const declarations = (symbol.declarations ?? []).filter(
      (one) => ts.isSourceFile(one) || isOurs(one),
    );
    if (found.has(symbol) || declarations.length === 0) return;
    found.set(symbol, declarations);
    for (const declaration of declarations) {
      if (ts.isSourceFile(declaration)) checker.getExportsOfModule(symbol).forEach(visit);
      else ts.forEachChild(declaration, mentioned);
    }
  };
  const mentioned = (node) => {
    if (ts.isIdentifier(node)) {
      const symbol = checker.getSymbolAtLocation(node);
      if (symbol !== undefined) visit(symbol);
    }
    ts.forEachChild(node, mentioned);
  };
  for (const entry of ENTRIES) {
    visit(checker.getSymbolAtLocation(program.getSourceFile(entry)));
  }

  const types = [];
  const functions = [];
  const values = [];
  for (const [symbol, declarations] of found) {
    for (const declaration of declarations) {
      const { text, examples } = ts.isSourceFile(declaration) ? {} : documentation(declaration);
      const file = path.relative(ROOT, declaration.getSourceFile().fileName);
      const one = { name: symbol.name, file, text, examples };
      if (ts.isClassDeclaration(declaration)) {
        types.push({ ...one, isClass: true, members: membersOf(declaration) });
      } else if (ts.isInterfaceDeclaration(declaration)) {
        types.push({ ...one, isClass: false, members: membersOf(declaration) });
      } else if (ts.isFunctionDeclaration(declaration)) {
        functions.push(one);
      } else if (ts.isVariableDeclaration(declaration)) {
        values.push(one);
      }
    }
  }
  return { types, functions, values };
}

/**
 * The members of a package's declarations whose names begin with `_`, private ones included.
 *
 * @param entries - files; what they import is looked at, too
 * @param folder - of the package: other packages are left out
 * @returns names as `Server._path`
 */
function underscored(entries, folder) {
  const names = new Set();
  const walk = (node, owner) => {
    const of = isTypeDeclaration(node) ? node.name.text : owner;
    const isMember = ts.isClassElement(node) || ts.isTypeElement(node);
    if (isMember && nameOf(node)?.startsWith("_")) names.add(`${of}.${nameOf(node)}`);
    ts.forEachChild(node, (child) => walk(child, of));
  };
  for (const file of compile(entries).getSourceFiles()) {
    if (file.fileName.startsWith(folder)) walk(file, "");
  }
  return [...names].sort();
}

const isTypeDeclaration = (node) =>
  (ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)) &&
  node.name !== undefined;

/** The members of this package that begin with `_`. */
export const publishedUnderscored = () => underscored(ENTRIES, path.join(ROOT, "dist/"));

/** The members of socket.io and engine.io that begin with `_`. */
export const upstreamUnderscored = () =>
  ["socket.io", "engine.io"].flatMap((name) => {
    const folder = path.dirname(require.resolve(name));
    const files = readdirSync(folder).filter((file) => file.endsWith(".d.ts"));
    return underscored(
      files.map((file) => path.join(folder, file)),
      path.join(folder, "/"),
    );
  });

/** The variables that an example has at hand. */
const PRELUDE = `
declare const io: import("socket.io-native").Server;
declare const socket: import("socket.io-native").Socket;
declare const httpServer: import("node:http").Server;
`;

/**
 * Compiles examples, each as a module of an application.
 *
 * @param examples - `[name, code]`
 * @returns complaints: the example's name and what the compiler says
 */
export function compileExamples(examples) {
  const sources = new Map([[path.join(ROOT, "example-prelude.d.ts"), PRELUDE]]);
  const names = new Map();
  examples.forEach(([name, code], i) => {
    const file = path.join(ROOT, `example-${i}.mts`);
    sources.set(file, `${code}\nexport {};\n`);
    names.set(file, name);
  });
  const program = compile([...sources.keys()], sources);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const name = names.get(file?.fileName) ?? file?.fileName;
    return `${name}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}
