import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { temporaryFolder } from './temporary.js';

/** The environment of a program under test: what it needs to run, and what the test gives it. */
function environment(env: Record<string, string>): NodeJS.ProcessEnv {
  const { PATH, NODE_V8_COVERAGE } = process.env;
  return { PATH, TZ: 'UTC', ...(NODE_V8_COVERAGE && { NODE_V8_COVERAGE }), ...env };
}

/** All that a stream says, and a way to wait for some of it. */
export class Transcript {
  text = '';
  readonly #stream: Readable;

  constructor(stream: Readable) {
    this.#stream = stream.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
  }

  get lines(): string[] {
    return this.text.split('\n').filter((line) => line !== '');
  }

  /** Resolves to the match once the text has one, or rejects if the stream ends without. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match) return match;
      if (this.#stream.readableEnded) throw new Error(`No ${pattern} in:\n${this.text}`);
      const waiting = new AbortController();
      const next = ['data', 'end'].map((event) => once(this.#stream, event, { signal: waiting.signal }));
      await Promise.race(next).finally(() => waiting.abort());
    }
  }
}

/** The local time that each line of a service on stderr begins with. */
export const TIME = /^\d\d:\d\d:\d\d {2}/;

/** Lines on stderr, without their times. Throws if one has none. */
export function said(lines: string[]): string[] {
  return lines.map((line) => {
    if (!TIME.test(line)) throw new Error(`No time before ${line}`);
    return line.replace(TIME, '');
  });
}

/** The path of a built program: "src/server", "scripts/register", … */
export function program(name: string): string {
  return join(__dirname, `../../${name}.js`);
}

const running = new Set<ChildProcess>();
const isWindows = process.platform === 'win32';

/** Starts a command that endPrograms() ends, with all that it started, if the test did not. */
export function run(command: string, args: string[], env: Record<string, string> = {}, cwd = temporaryFolder()) {
  const child = spawn(command, args, { cwd, env: environment(env), detached: !isWindows });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Starts a command with `sh`, which has the words of a program as "$@". */
export function runInShell(script: string, words: string[], env?: Record<string, string>, cwd?: string) {
  return run('sh', ['-c', script, 'sh', ...words], env, cwd);
}

/** Starts a built program on a terminal of its own, whose first line is "pid" and its process id. */
export function runOnTerminal(name: string, env: Record<string, string>, nodeOptions: string[] = []) {
  const words = [process.execPath, ...nodeOptions, program(name)].map((word) => `"${word}"`);
  const command = `echo "pid $$"; exec ${words.join(' ')}`;
  const child = run('script', ['-qefc', command, '/dev/null'], { TERM: 'xterm', ...env });
  return { child, screen: new Transcript(child.stdout) };
}

/** Ends what a test left running, with all that it started: for afterEach. */
export async function endPrograms(): Promise<void> {
  const ended = [...running].map((child) => once(child, 'exit'));
  for (const child of running) {
    try {
      // Windows has no process groups.
      if (isWindows) child.kill('SIGKILL');
      else if (child.pid) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It ended a moment ago: macOS refuses to signal a group of which nothing is left.
    }
  }
  await Promise.all(ended);
}

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a built program to its end, with no settings but those given, and those of a `.env` in `cwd`: an empty folder. */
export async function runProgram(
  name: string,
  args: string[] = [],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<Result> {
  const child = run(process.execPath, [program(name), ...args], env, cwd);
  const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
  const [status] = await once(child, 'close');
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** Options of Node.js with which all time limits of a program pass ten times faster. */
export const FAST_CLOCK = ['--require', join(__dirname, 'fast-clock.js')];

interface Options {
  /** What `sh` runs, with the receiver as "$@", such as `exec "$@" 2>&1`; without it, the receiver is started itself. */
  shell?: string;
  /** Leaves the pipe unread, until `child.stdout.resume()`. */
  unread?: boolean;
  nodeOptions?: string[];
  args?: string[];
  cwd?: string;
}

/** The built receiver as a process of its own. */
export class Receiver {
  readonly child: ReturnType<typeof run>;
  readonly stdout: Transcript;
  readonly stderr: Transcript;
  port = 0;

  private constructor(env: Record<string, string>, { shell, unread, nodeOptions = [], args = [], cwd }: Options) {
    const words = [...nodeOptions, program('src/server'), ...args];
    const settings = { PORT: '0', ...env };
    this.child =
      shell === undefined
        ? run(process.execPath, words, settings, cwd)
        : runInShell(shell, [process.execPath, ...words], settings, cwd);
    this.stdout = new Transcript(this.child.stdout);
    this.stderr = new Transcript(this.child.stderr);
    if (unread) this.child.stdout.pause();
  }

  /** Starts it, on a free port unless PORT is given, and waits until it listens. */
  static async start(env: Record<string, string> = {}, options: Options = {}): Promise<Receiver> {
    const receiver = new Receiver(env, options);
    // Both streams may go into one pipe.
    const greeting = /Listening on http:\/\/\S+:(\d+)\/webhook/;
    const match = await Promise.any([receiver.stderr.match(greeting), receiver.stdout.match(greeting)]);
    receiver.port = Number(match[1]);
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Sends a POST to /webhook: `body` as it is if it is text, otherwise as JSON. */
  post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=UTF-8', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** Resolves to the exit status, or to the signal that ended it, once all that it said is read. */
  async ended(): Promise<number | NodeJS.Signals> {
    const [status, signal] = await once(this.child, this.child.stdout.isPaused() ? 'exit' : 'close');
    return status ?? signal ?? 0;
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    const ended = this.ended();
    this.child.kill(signal);
    return ended;
  }
}
