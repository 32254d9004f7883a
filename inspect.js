"use strict";

module.exports = require("./dist/inspect/index.js");
