// Tells what an application gets that asks for `socket.io`, in either way.
const required = require("socket.io");
const nested = require("@nestjs/platform-socket.io/package.json").dependencies["socket.io"];

import("socket.io").then((imported) => {
  process.send({
    type: "names",
    callable: typeof required,
    required: Object.keys(required).sort(),
    imported: Object.keys(imported)
      .filter((name) => name !== "module.exports" && name !== "default")
      .sort(),
    same: imported.Server === required.Server,
    version: require("socket.io/package.json").version,
    file: require.resolve("socket.io"),
    nested,
    pinned: require.resolve("socket.io", {
      paths: [require.resolve("@nestjs/platform-socket.io")],
    }),
  });
  process.disconnect();
});
