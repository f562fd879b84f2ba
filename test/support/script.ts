import { once } from 'node:events';
import { join } from 'node:path';
import { run, Transcript } from './receiver.js';

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a built script to its end, with no settings but those given, and those of a `.env` in `cwd`: an empty folder. */
export async function runScript(
  name: 'register' | 'catch-up' | 'demo',
  args: string[],
  env: Record<string, string>,
  cwd?: string,
): Promise<Result> {
  const child = run(process.execPath, [join(__dirname, `../../scripts/${name}.js`), ...args], env, cwd);
  const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
  const [status] = await once(child, 'close');
  return { status, stdout: stdout.text, stderr: stderr.text };
}
