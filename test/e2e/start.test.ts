import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { itIfNotWindows } from '../support/available.js';
import { endPrograms, run, Transcript } from '../support/programs.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

const ROOT = join(__dirname, '../../..');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
/** A release that this Node.js will never reach, and that comes before it by the alphabet. */
const NEVER = `${process.versions.node.split('.')[0]}.100`;
const OLD_NODE = JSON.stringify({ engines: { node: `>=${NEVER}` } });
const TOO_OLD = new RegExp(`^Node\\.js ${NEVER} or later is needed, and this is ${process.versions.node}: .+\n$`);

/** What is run instead of the receiver: it says how it was started. */
const SERVER = "console.log('pid', process.pid, ...process.argv.slice(1)); process.exitCode = 3;";
const BUILT = { 'dist/src/server.js': SERVER };
const INSTALLED = { 'node_modules/express/index.js': '' };
const compiler = (code: string) => ({ 'node_modules/typescript/lib/tsc.js': code });
const COMPILER = {
  ...compiler("console.log('compiled'); require('fs').cpSync('server.js', 'dist/src/server.js');"),
  'server.js': SERVER,
};

/** A project with the real run.cjs and these files. Returns its folder. */
function project(files: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify({ scripts }), ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  cpSync(join(ROOT, 'scripts/run.cjs'), join(folder, 'scripts/run.cjs'));
  return folder;
}

async function runIn(cwd: string, command: string, ...args: string[]) {
  const child = run(command, args, {}, cwd);
  const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
  const [status] = await once(child, 'close');
  return { status, stdout: stdout.text, stderr: stderr.text, pid: child.pid };
}

const start = (folder: string) => runIn(folder, process.execPath, 'scripts/run.cjs', 'src/server', '--list', 'a b');

it.each<[string, Record<string, string>]>([
  ['nothing is installed', BUILT],
  ['nothing is built, and there is no compiler', INSTALLED],
])('it says to run `npm ci` if %s', async (_, files) => {
  const stderr = expect.stringMatching(/^Packages are missing: run `npm ci` .*\n$/);
  expect(await start(project(files))).toMatchObject({ status: 1, stdout: '', stderr });
});

it.each<[string, Record<string, string>, string]>([
  ['what was built is run if there is no compiler', BUILT, ''],
  ['what has changed is compiled first, and stdout stays the program’s own', COMPILER, 'compiled\n'],
])('%s', async (_, files, stderr) => {
  const { pid, stdout, ...rest } = await start(project({ ...INSTALLED, ...files }));
  // In the process that was started, so signals reach it.
  expect(stdout).toMatch(new RegExp(`^pid ${pid} .+[\\\\/]dist[\\\\/]src[\\\\/]server\\.js --list a b\n$`));
  expect(rest).toEqual({ status: 3, stderr });
});

it('what does not compile is not run: the output and the status are the compiler’s', async () => {
  const failing = compiler("console.log('error TS1005'); process.exitCode = 2;");
  const result = await start(project({ ...INSTALLED, ...BUILT, ...failing }));
  expect(result).toMatchObject({ status: 2, stdout: '', stderr: 'error TS1005\n' });
});

itIfNotWindows('npm start compiles although an .npmrc says ignore-scripts', async () => {
  const folder = project({ ...INSTALLED, ...COMPILER, '.npmrc': 'ignore-scripts=true\nupdate-notifier=false\n' });
  const { stdout } = await runIn(folder, 'npm', 'start', '--silent', '--', '--list');
  expect(stdout).toMatch(/^pid \d+ .+server\.js --list\n$/);
});

const PROGRAMS = ['src/server', 'scripts/register', 'scripts/keep', 'scripts/catch-up', 'scripts/demo'];
it.each(PROGRAMS)('%s itself says if Node.js is too old, before it loads a package, also under npm', async (name) => {
  const folder = project({ 'dist/package.json': OLD_NODE, ...INSTALLED });
  for (const part of ['dist/src', 'dist/scripts']) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const words of [[`dist/${name}.js`], ['scripts/run.cjs', name]]) {
    const result = await runIn(folder, process.execPath, ...words, '--help');
    expect(result).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(TOO_OLD) });
  }
});
