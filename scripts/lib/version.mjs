// The rules for a version: RELEASING.md explains them.

/** The faults of a version; none if it may be released. `tag` is that of git, if there is one. */
export function faultsOf({ manifest, lock, cargo, cargoLock, changelog, tag }) {
  const { version } = manifest;
  const upstream = manifest.upstream?.["socket.io"];
  const faults = [];
  const expect = (what, found) => {
    if (found !== version) faults.push(`${what} has ${found}, package.json ${version}.`);
  };
  expect("package-lock.json", lock.version);
  expect("package-lock.json, its first package,", lock.packages[""].version);
  expect("Cargo.toml", /^version = "(.*)"/m.exec(cargo)?.[1]);
  expect("Cargo.lock", /name = "socket-io-native"\nversion = "(.*)"/.exec(cargoLock)?.[1]);
  if (tag !== undefined) expect("The tag", tag.replace(/^v/, ""));

  const parts = (text) =>
    /^(\d+)\.(\d+)\.(\d+)$/
      .exec(text ?? "")
      ?.slice(1)
      .map(Number);
  const [own, theirs] = [parts(version), parts(upstream)];
  if (!own) faults.push(`${version} is no release: ranges such as ^4.8.0 leave out prereleases.`);
  if (!theirs) faults.push("package.json does not say which upstream it follows.");
  if (own && theirs) {
    if (own[0] !== theirs[0] || own[1] !== theirs[1]) {
      faults.push(`${version} does not follow ${upstream}: major and minor have to be the same.`);
    } else if (own[2] < theirs[2]) {
      faults.push(`${version} is below ${upstream}, with which it is compatible.`);
    }
  }
  if (manifest.devDependencies?.["socket.io"] !== upstream) {
    faults.push("The upstream of package.json is not the socket.io that the tests compare with.");
  }
  const heading = new RegExp(`^## \\[${version.replaceAll(".", "\\.")}\\] - (.+)$`, "m");
  const date = heading.exec(changelog)?.[1];
  if (date === undefined) faults.push(`CHANGELOG.md has no section "[${version}] - date".`);
  if (tag !== undefined && !/^\d{4}-\d\d-\d\d$/.test(date ?? "")) {
    faults.push(`CHANGELOG.md has no date for ${version}: ${date}.`);
  }
  return faults;
}
