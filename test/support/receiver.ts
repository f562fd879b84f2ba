import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** A folder without a `.env`: no test may see the settings of the person who runs it. */
export const emptyFolder = mkdtempSync(join(tmpdir(), 'voicemail-webhook-'));

/** The environment of a program under test: what it needs to run, and what the test gives it. */
function environment(env: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], TZ: 'UTC', ...env };
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

  /** Resolves to the match once the text has one, or rejects where the stream ends without. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match) return match;
      if (this.#stream.readableEnded) throw new Error(`No ${pattern} in:\n${this.text}`);
      await Promise.race([once(this.#stream, 'data'), once(this.#stream, 'end')]);
    }
  }
}

export const SERVER = join(__dirname, '../../src/server.js');

const running = new Set<ChildProcess>();

/** Starts a program that endPrograms() ends with all that it started, where the test did not. */
export function run(command: string, args: string[], env: Record<string, string>, cwd = emptyFolder) {
  const child = spawn(command, args, { cwd, env: environment(env), detached: true });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends what a test left running, with all that it started: for afterEach. */
export async function endPrograms(): Promise<void> {
  const ended = [...running].map((child) => once(child, 'exit'));
  for (const { pid } of running) if (pid) process.kill(-pid, 'SIGKILL');
  await Promise.all(ended);
}

interface Options {
  /** Where stdout goes instead of into a pipe. */
  file?: string;
  /** Leaves the pipe unread, until `child.stdout.resume()`. */
  unread?: boolean;
  nodeOptions?: string[];
}

/** The built receiver as a process of its own. */
export class Receiver {
  readonly child: ReturnType<typeof run>;
  readonly stdout: Transcript;
  readonly stderr: Transcript;
  port = 0;

  private constructor(env: Record<string, string>, { file, unread, nodeOptions = [] }: Options = {}) {
    const command = [process.execPath, ...nodeOptions, SERVER];
    this.child = run('sh', ['-c', file ? `exec "$@" >"${file}"` : 'exec "$@"', 'sh', ...command], {
      PORT: '0',
      ...env,
    });
    this.stdout = new Transcript(this.child.stdout);
    this.stderr = new Transcript(this.child.stderr);
    if (unread) this.child.stdout.pause();
  }

  /** Starts it on a free port and waits until it listens. */
  static async start(env: Record<string, string> = {}, options: Options = {}): Promise<Receiver> {
    const receiver = new Receiver(env, options);
    receiver.port = Number((await receiver.stderr.match(/Listening on http:\/\/localhost:(\d+)\/webhook/))[1]);
    return receiver;
  }

  /** Starts it where it is expected to end by itself. Resolves to its exit status and all that it said. */
  static async run(env: Record<string, string>): Promise<{ status: number | string; stdout: string; stderr: string }> {
    const receiver = new Receiver(env);
    const { stdout, stderr } = receiver;
    return { status: await receiver.ended(), stdout: stdout.text, stderr: stderr.text };
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Sends a POST to /webhook: `body` as it is where it is text, otherwise as JSON. */
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
