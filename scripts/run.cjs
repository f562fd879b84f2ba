// Compiles what has changed, and runs a program: `node scripts/run.cjs src/server OPTIONS`; without one it only compiles.
// Not a pre… script of npm: ignore-scripts=true in an .npmrc skips those. An old Node.js can run this, too.
const { spawnSync } = require('child_process');
const { existsSync } = require('fs');
const { join } = require('path');

const root = join(__dirname, '..');
const [, , name] = process.argv;
const program = join(root, `dist/${name}.js`);
const compiler = join(root, 'node_modules/typescript/lib/tsc.js');
if (existsSync(compiler)) {
  // Its output goes to stderr: stdout is for events.
  const { status } = spawnSync(process.execPath, [compiler, '-p', root], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status || 1);
} else if (!existsSync(program) || !existsSync(join(root, 'node_modules'))) {
  console.error('Packages are missing: run `npm ci` (if NODE_ENV is production, `npm ci --include=dev`).');
  process.exit(1);
}
if (name) {
  process.argv.splice(1, 2, program);
  require(program);
}
