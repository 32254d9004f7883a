"use strict";

/**
 * Loads uWebSockets.js. Npm's copy of it goes on in JavaScript where it has no binary for this Node:
 * that is another server, so it counts as missing.
 * @param load a `require` of the folder it is installed in
 */
function loadUws(load) {
  const uws = load("uWebSockets.js");
  if (Object.keys(require.cache).some((file) => /uws_\w+\.node$/.test(file))) return uws;
  throw new Error(`uWebSockets.js has no binary for Node ${process.versions.node}`);
}

module.exports = { loadUws };
