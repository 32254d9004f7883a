// The promises of the declarations (*.d.ts) of a package: exported names, their members, signatures.
import path from "node:path";
import ts from "typescript";

const OPTIONS = {
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts"],
  types: ["node"],
  skipLibCheck: true,
  strict: true,
  noEmit: true,
};

/**
 * Reads declaration files.
 *
 * @param {string[]} files
 * @returns {Map<string, object>[]} for each file, its exported names with
 *   `{ kind, generics, members, signatures }`
 */
export function readDeclarations(files) {
  const program = ts.createProgram(files, OPTIONS);
  const checker = program.getTypeChecker();
  return files.map((file) => {
    const source = program.getSourceFile(file);
    if (!source) throw new Error(`no declarations: ${file}`);
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(source));
    const model = new Map();
    for (const symbol of exported)
      model.set(symbol.name, describe(checker, resolve(checker, symbol)));
    return model;
  });
}

const resolve = (checker, symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

function describe(checker, symbol) {
  const has = (flag) => (symbol.flags & flag) !== 0;
  if (has(ts.SymbolFlags.Variable)) {
    // A class that is exported as a constant: its name stands for the instances, too.
    const own = checker.getTypeOfSymbol(symbol);
    const [signature] = own.getConstructSignatures();
    if (signature && has(ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias)) {
      const members = membersOf(checker, signature.getReturnType());
      addStatics(checker, own, members);
      return { kind: "class", generics: 0, members };
    }
  }
  if (has(ts.SymbolFlags.Class | ts.SymbolFlags.Interface)) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const members = membersOf(checker, type);
    if (has(ts.SymbolFlags.Class)) {
      addStatics(checker, checker.getTypeOfSymbol(symbol), members);
    }
    // `this` is the last of them for the compiler
    const generics = (type.typeParameters ?? []).filter((one) => !one.isThisType).length;
    return { kind: has(ts.SymbolFlags.Class) ? "class" : "interface", generics, members };
  }
  if (has(ts.SymbolFlags.TypeAlias)) {
    checker.getDeclaredTypeOfSymbol(symbol);
    const [declaration] = symbol.declarations;
    return { kind: "type", generics: declaration.typeParameters?.length ?? 0, members: new Map() };
  }
  const type = checker.getTypeOfSymbol(symbol);
  if (has(ts.SymbolFlags.Function)) {
    const calls = signatures(type.getCallSignatures());
    return { kind: "function", generics: 0, members: new Map(), signatures: calls };
  }
  const isCalled = type.getCallSignatures().length + type.getConstructSignatures().length > 0;
  const isObject = (type.flags & ts.TypeFlags.Object) !== 0 && !isCalled;
  return { kind: "value", generics: 0, members: isObject ? membersOf(checker, type) : new Map() };
}

/** Adds the static members and the constructors of a class. */
function addStatics(checker, own, members) {
  for (const [name, member] of membersOf(checker, own)) {
    if (name !== "prototype") members.set(`static ${name}`, member);
  }
  // Their type parameters are those of the class.
  const constructors = signatures(own.getConstructSignatures());
  for (const one of constructors) one.generics = 0;
  members.set("constructor", { kind: "method", signatures: constructors });
}

function membersOf(checker, type) {
  const members = new Map();
  for (const property of checker.getPropertiesOfType(type)) {
    if (property.name.startsWith("__@")) continue;
    members.set(property.name, member(checker, property));
  }
  return members;
}

function member(checker, property) {
  const declarations = property.declarations ?? [];
  const modifiers = declarations.length > 0 ? ts.getCombinedModifierFlags(declarations[0]) : 0;
  const type = checker.getTypeOfSymbol(property);
  const calls = checker.getNonNullableType(type).getCallSignatures();
  const isMethod = (property.flags & ts.SymbolFlags.Method) !== 0;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return {
    kind: isMethod ? "method" : "property",
    visible: (modifiers & hidden) === 0,
    optional: (property.flags & ts.SymbolFlags.Optional) !== 0,
    writable: isWritable(property, declarations, modifiers),
    inherited: declarations.length > 0 && declarations.every(isForeign),
    signatures: isMethod ? signatures(calls) : [],
  };
}

function isWritable(property, declarations, modifiers) {
  if (modifiers & ts.ModifierFlags.Readonly) return false;
  if (!(property.flags & ts.SymbolFlags.Accessor)) return true;
  return declarations.some(ts.isSetAccessorDeclaration);
}

/** Declared by Node or by the language, and not by the package. */
function isForeign(declaration) {
  const { fileName } = declaration.getSourceFile();
  return /[\\/](@types|typescript)[\\/]/.test(path.normalize(fileName));
}

/** Each as `{ generics, least, most }`: type parameters, and how many arguments it takes. */
function signatures(calls) {
  return calls.map((call) => {
    const { parameters, typeParameters, declaration } = call;
    const rest = declaration?.parameters.some((one) => one.dotDotDotToken) ?? false;
    return {
      generics: typeParameters?.length ?? 0,
      least: call.minArgumentCount ?? parameters.length,
      most: rest ? "…" : parameters.length,
    };
  });
}

/** Signatures as text, for comparing and for people: `<1>(1–2)`. */
export function signatureText({ generics, least, most }) {
  const range = least === most ? `${least}` : `${least}–${most}`;
  return `${generics > 0 ? `<${generics}>` : ""}(${range})`;
}
