import '../src/node-version.js';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorOf } from '../src/errors.js';
import { close, listen } from './fake/local-server.js';
import { startNgrokAgent, tunnel } from './fake/ngrok-agent.js';
import { CREDENTIALS, Platform } from './fake/platform.js';

/** How long a step may take, in milliseconds. */
const STEP_MS = 15_000;

/** Shows the whole way of a voicemail on this machine: with the real programs, a fake RingCentral and a fake ngrok. */
async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'voicemail-demo-'));
  const platform = await Platform.start();
  const port = await freePort(8081).catch(() => freePort(0));
  const ngrok = await startNgrokAgent({ tunnels: [tunnel(`http://127.0.0.1:${port}`, `localhost:${port}`)] });
  const agents = { NGROK_API_URL: ngrok.url, CLOUDFLARED_API_URL: ngrok.url };
  const env = { ...CREDENTIALS, ...agents, RINGCENTRAL_SERVER: platform.url, PORT: port, HOST: '127.0.0.1' };
  const running = new Set<ChildProcess>();
  // However this program ends, nothing is left.
  process.on('exit', () => {
    for (const child of running) child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(1));
  /** Starts a built program in a folder without .env, with these settings only. It shares stdout and stderr. */
  const start = (program: string, args: string[], settings: Record<string, string>) => {
    const kept = Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]]));
    const options = { cwd: folder, env: { ...kept, ...settings } };
    const command = [join(__dirname, '..', program), ...args];
    const child = spawn(process.execPath, command, { ...options, stdio: ['ignore', 'inherit', 'inherit'] });
    running.add(child);
    return child;
  };
  const stop = async (child: ChildProcess) => {
    running.delete(child);
    if (child.exitCode === null && child.kill()) await once(child, 'close');
  };
  try {
    say('The receiver, with the client secret of a fake RingCentral:', 'npm start');
    const receiver = start('src/server.js', [], { ...env, LOG_FORMAT: 'pretty' });
    await until('the receiver answers', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
      return answer?.ok === true;
    });
    say('The registration, through a fake ngrok:', 'npm run register');
    const [status] = await once(start('scripts/register.js', [], env), 'close');
    if (status !== 0) throw new Error(`the registration ended with ${status}`);
    say('Grace calls Ada, who does not pick up. RingCentral notifies the receiver:');
    const [delivery] = (await platform.leaveVoicemail()).deliveries;
    if (!delivery?.accepted) throw new Error(`the notification was answered with ${delivery?.status}`);
    await stop(receiver);

    say('Both in one program, which misses nothing, and shows transcripts:', 'npm run keep -- --every 1s');
    const before = platform.subscriptions[0]?.id;
    const keep = start('scripts/keep.js', ['--every', '1s'], { ...env, LOG_FORMAT: 'summary' });
    await until('the subscription is there', () => platform.subscriptions.every(({ id }) => id !== before));
    const { message } = await platform.leaveVoicemail({ vmTranscriptionStatus: 'InProgress' });
    await sleep(1500);
    platform.transcribe(String(message.id), 'Hi Ada, this is Grace. Call me back about the compiler, please.');
    await until('the transcript is read', () => platform.requests.some(({ path }) => path.includes('/content/')));
    await sleep(500);
    await stop(keep);
  } finally {
    await Promise.all([...running].map(stop));
    await Promise.all([ngrok.close(), platform.close()]);
  }
  say('That was the whole way. For your own number, follow the README from step 1.');
}

/** What the programs need of the environment: none of the settings. */
const ENVIRONMENT = ['PATH', 'SystemRoot', 'TZ', 'TERM', 'NO_COLOR', 'FORCE_COLOR', 'NODE_V8_COVERAGE'];

async function freePort(wanted: number): Promise<string> {
  const server = createServer();
  const { port } = new URL(await listen(server, wanted));
  await close(server);
  return port;
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + STEP_MS; !(await condition()); await sleep(50))
    if (performance.now() > end) throw new Error(`timed out before ${what}`);
}

function say(what: string, command?: string): void {
  process.stderr.write(`\n${what}\n${command ? `$ ${command}\n` : ''}`);
}

demo().catch((error: unknown) => {
  process.stderr.write(`The demo failed: ${errorOf(error).message}\n`);
  process.exitCode = 1;
});
