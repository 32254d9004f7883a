// Runtimes and test runners that tests run for real: the versions, by the names of their npm packages.
export const TOOLS = { bun: "1.4.5", deno: "2.9.6", jest: "30.5.2", vitest: "5.1.2" };

/** The bundlers of the tests, by the names of their packages; the versions are those installed. */
export const BUNDLERS = ["esbuild", "webpack", "@vercel/ncc"];
