// The version of glibc that a shared library needs, as `objdump -T` tells it.

/** Returns true if the version `a` comes after `b`; both are such as "2.17". */
export function isNewer(a, b) {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  const at = left.findIndex((part, i) => part !== (right[i] ?? 0));
  return at >= 0 && left[at] > (right[at] ?? 0);
}

/** The newest version of glibc in the output of `objdump -T`. */
export function glibcOf(symbols) {
  const versions = [...symbols.matchAll(/\bGLIBC_(\d+(?:\.\d+)+)/g)].map(([, version]) => version);
  return versions.reduce((newest, one) => (isNewer(one, newest) ? one : newest), "0");
}
