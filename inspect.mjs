import entry from "./inspect.js";

export const { inspect } = entry;
