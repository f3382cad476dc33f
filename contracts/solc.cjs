#!/usr/bin/env node
// Speaks enough of the native compiler's command line for forge, and compiles with npm's solc, so that the compiler
// is pinned by package-lock.json like everything else.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const solc = require(path.join(__dirname, "..", "node_modules", "solc"));

if (process.argv.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("solc.cjs: wanted --version or --standard-json\n");
  process.exitCode = 2;
}
