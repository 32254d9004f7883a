"use strict";

module.exports = require("./dist/engine-entry.js");
