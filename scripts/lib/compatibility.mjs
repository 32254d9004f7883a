// The differences between the declarations and objects of two packages.
import { signatureText } from "./declarations.mjs";

/**
 * Compares what two modules export.
 *
 * @param {string} prefix - put before each name, as in `"engine.io: "`
 * @returns {{ group: string, same: string[], more: string[], differences: { at: string, what: string }[] }[]}
 *   one for each class and interface, and one for what else is exported
 */
export function compareModules(prefix, theirs, ours) {
  const rest = { group: `${prefix}other exports`, same: [], more: [], differences: [] };
  const groups = [];
  for (const [name, their] of theirs) {
    const our = ours.get(name);
    const at = `${prefix}${name}`;
    const what = our === undefined ? "missing" : whatDiffers(their, our);
    if (their.members.size === 0 || !our?.members.size) {
      if (what) rest.differences.push({ at, what });
      else rest.same.push(name);
      continue;
    }
    const group = compareMembers(at, their.members, our.members);
    if (what) group.differences.unshift({ at, what });
    groups.push(group);
  }
  rest.more = [...ours.keys()].filter((name) => !theirs.has(name));
  if (rest.same.length + rest.differences.length + rest.more.length > 0) groups.push(rest);
  return groups;
}

function compareMembers(group, theirs, ours) {
  const result = { group, same: [], more: [], differences: [] };
  for (const [name, their] of theirs) {
    if (their.inherited || their.visible === false) continue;
    const our = ours.get(name);
    const what = our === undefined ? "missing" : memberDiffers(their, our);
    if (what) result.differences.push({ at: `${group}.${name}`, what });
    else result.same.push(name);
  }
  for (const [name, our] of ours) {
    const isNew = !theirs.has(name) && !our.inherited && our.visible !== false;
    if (isNew && !name.startsWith("_")) result.more.push(name);
  }
  return result;
}

function whatDiffers(their, our) {
  if (their.kind !== our.kind) return `a ${their.kind}, here a ${our.kind}`;
  if (their.generics !== our.generics) {
    return `${their.generics} type parameters, here ${our.generics}`;
  }
  return their.signatures ? signaturesDiffer(their.signatures, our.signatures) : null;
}

function memberDiffers(their, our) {
  if (our.visible === false) return "not public here";
  if (their.kind !== our.kind) return `a ${their.kind}, here a ${our.kind}`;
  if (their.optional !== our.optional) return our.optional ? "optional here" : "never absent here";
  if (their.writable && !our.writable) return "read-only here";
  return signaturesDiffer(their.signatures, our.signatures);
}

function signaturesDiffer(theirs, ours) {
  const [before, after] = [theirs, ours].map((all) => all.map(signatureText).join(" "));
  return before === after ? null : `${before}, here ${after}`;
}

/** Compares what live objects have: object → names → kind. */
export function compareInstances(theirs, ours) {
  return [...theirs].map(([group, names]) => {
    const have = ours.get(group);
    const result = { group, same: [], more: [], differences: [] };
    for (const [name, kind] of names) {
      const ourKind = have.get(name);
      const isThere = ourKind === kind || (kind === "nothing" && ourKind !== undefined);
      if (isThere) result.same.push(name);
      else {
        const what = ourKind === undefined ? "missing" : `a ${kind}, here ${ourKind}`;
        result.differences.push({ at: `${group}.${name}`, what });
      }
    }
    return result;
  });
}

/**
 * Finds the reason for each difference.
 *
 * @param {[string, string][]} reasons - names, with `*` for any part of one, and why they differ
 * @returns what has no reason, which names of `reasons` have no difference, and those that do
 */
export function explain(groups, reasons) {
  const entries = reasons.map(([names, reason]) => ({
    reason,
    patterns: names.split(/,\s+/).map((name) => ({ name, test: matcher(name), used: false })),
  }));
  const patterns = entries.flatMap((entry) => entry.patterns);
  const unexplained = [];
  for (const difference of groups.flatMap((group) => group.differences)) {
    const matching = patterns.find(({ test }) => test.test(difference.at));
    if (matching) matching.used = true;
    else unexplained.push(difference);
  }
  return {
    unexplained,
    stale: patterns.filter(({ used }) => !used).map(({ name }) => name),
    explained: entries.map((entry) => ({
      reason: entry.reason,
      names: entry.patterns.filter(({ used }) => used).map(({ name }) => name),
    })),
  };
}

function matcher(name) {
  const escaped = name.replace(/[.$()]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`);
}
