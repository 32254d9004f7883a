"use strict";

module.exports = require("./dist/engine/exports.js");
