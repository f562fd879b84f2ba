import { runProgram } from '../src/program.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../src/errors.js';
import { close, listen } from './fake/local-server.js';
import { startNgrokAgent, tunnel } from './fake/ngrok-agent.js';
import { CREDENTIALS, Platform } from './fake/platform.js';

const help = 'Shows the whole way of a voicemail here, with the real programs, a fake RingCentral and a fake ngrok.';
/** What the programs need of the environment: none of the settings. */
const ENVIRONMENT = ['PATH', 'SystemRoot', 'TZ', 'TERM', 'NO_COLOR', 'FORCE_COLOR', 'NODE_V8_COVERAGE'];

void runProgram({ command: 'npm run demo', help, options: {}, kind: 'script' }, async (_, { say }) => {
  const cwd = mkdtempSync(join(tmpdir(), 'voicemail-demo-'));
  // However this program ends, nothing is left.
  process.on('exit', () => rmSync(cwd, { recursive: true, maxRetries: 3 }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  // The usual port if it is free.
  const probe = createServer();
  const { port } = new URL(await listen(probe, 8081).catch(() => listen(probe)));
  await close(probe);
  const platform = await Platform.start();
  const ngrok = await startNgrokAgent({ tunnels: [tunnel(`http://127.0.0.1:${port}`, `localhost:${port}`)] });
  const fakes = { RINGCENTRAL_SERVER: platform.url, NGROK_API_URL: ngrok.url, CLOUDFLARED_API_URL: ngrok.url };
  const inherited = Object.fromEntries(ENVIRONMENT.map((name) => [name, process.env[name]]));
  /** Starts a built program in a folder without .env. It shares stdout and stderr. */
  const start = (name: string, args: string[], LOG_FORMAT: string) => {
    const env = { ...inherited, ...CREDENTIALS, ...fakes, PORT: port, HOST: '127.0.0.1', LOG_FORMAT };
    const child = spawn(process.execPath, [join(__dirname, `../${name}.js`), ...args], { cwd, env, stdio: 'inherit' });
    process.prependListener('exit', () => child.kill());
    return child;
  };
  say('\nThe receiver, with the client secret of a fake RingCentral:\n$ npm start');
  const receiver = start('src/server', [], 'pretty');
  await until('the receiver answers', () => fetch(`http://127.0.0.1:${port}/healthz`).then(Boolean, () => false));
  say('\nThe registration, through a fake ngrok:\n$ npm run register');
  await once(start('scripts/register', [], 'pretty'), 'close');
  say('\nGrace calls Ada, who does not pick up. RingCentral notifies the receiver:');
  const [delivery] = (await platform.leaveVoicemail()).deliveries;
  if (!delivery?.accepted) throw new Failure('The demo failed: the receiver did not take the notification.');
  receiver.kill();
  await once(receiver, 'close');
  say('\nBoth in one program, which misses nothing, and shows transcripts:\n$ npm run keep -- --every 1s');
  const before = platform.subscriptions[0]?.id;
  const keep = start('scripts/keep', ['--every', '1s'], 'summary');
  await until('the subscription is there', () => platform.subscriptions.every(({ id }) => id !== before));
  const { message } = await platform.leaveVoicemail({ vmTranscriptionStatus: 'InProgress' });
  await sleep(1500);
  platform.transcribe(String(message.id), 'Hi Ada, this is Grace. Call me back about the compiler, please.');
  await until('the transcript is read', () => platform.requests.some(({ path }) => path.includes('/content/')));
  await sleep(500);
  keep.kill();
  await once(keep, 'close');
  say('\nThat was the whole way. For your own number, follow the README from step 1.');
});

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Failure(`The demo failed: timed out before ${what}.`);
    await sleep(50);
  }
}
