// Compiles what has changed, and runs a program: `node scripts/run.cjs src/server OPTIONS`; without one it only compiles. Not a pre… script of npm:
// ignore-scripts=true in an .npmrc skips those. Plain CommonJS, which an old Node.js can read, too.
const { spawnSync } = require('child_process');
const { existsSync } = require('fs');
const { join } = require('path');
const { dependencies, engines } = require('../package.json');

const inRoot = (path) => join(__dirname, '..', path);

function fail(message) {
  console.error(message);
  process.exit(1);
}

const needed = engines.node.replace('>=', '');
if (process.versions.node.localeCompare(needed, 'en', { numeric: true }) < 0)
  fail(`Node.js ${needed} or later is needed, and this is ${process.versions.node}: see https://nodejs.org`);
if (Object.keys(dependencies).some((name) => !existsSync(inRoot(`node_modules/${name}`))))
  fail('Packages are missing: run `npm ci`.');

const [, , name] = process.argv;
const program = inRoot(`dist/${name}.js`);
const compiler = inRoot('node_modules/typescript/bin/tsc');
if (existsSync(compiler)) {
  // Its output goes to stderr: stdout is for events.
  const { status } = spawnSync(process.execPath, [compiler, '-p', inRoot('.')], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status || 1);
} else if (!name || !existsSync(program))
  fail('There is no compiler: run `npm ci` (if NODE_ENV is production, `npm ci --include=dev`).');
if (name) {
  process.argv.splice(1, 2, program);
  require(program);
}
