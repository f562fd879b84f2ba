import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { close, listen } from './stand-in/local-server.js';
import { startNgrokAgent, tunnel } from './stand-in/ngrok-agent.js';
import { CREDENTIALS, Platform } from './stand-in/platform.js';

/** The whole way of a voicemail on this machine: real receiver and registration, stand-ins for RingCentral and ngrok. */
async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'voicemail-demo-'));
  const platform = await Platform.start();
  tell('The receiver, with the client secret of a stand-in for RingCentral:', 'npm start');
  const port = await freePort();
  const receiver = start(folder, 'src/server.js', { PORT: port, LOG_FORMAT: 'pretty', ...CREDENTIALS });
  const closed = once(receiver, 'close');
  try {
    await answering(`http://127.0.0.1:${port}/healthz`, receiver);
    const ngrok = await startNgrokAgent({ tunnels: [tunnel(`http://127.0.0.1:${port}`, `localhost:${port}`)] });
    tell('The registration, through a stand-in for ngrok:', 'npm run register');
    const env = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, NGROK_API_URL: ngrok.url, PORT: port };
    const registration = start(folder, 'scripts/register.js', env);
    const [status] = await once(registration, 'close');
    await ngrok.close();
    if (status !== 0) throw new Error(`the registration ended with ${status}`);
    tell('Grace calls Ada, who does not pick up. RingCentral notifies the receiver:');
    const [delivery] = (await platform.leaveVoicemail()).deliveries;
    if (!delivery?.accepted) throw new Error(`the notification was answered with ${delivery?.status}`);
  } finally {
    receiver.kill();
    await closed;
    await platform.close();
    await rm(folder, { recursive: true });
  }
  tell('That was the whole way. For your own number, follow the README from step 1.');
}

/** What programs need of the environment, and none of the settings. */
const ENVIRONMENT = ['PATH', 'SystemRoot', 'TZ', 'TERM', 'NO_COLOR', 'FORCE_COLOR', 'NODE_V8_COVERAGE'];

/** Starts a built program in a folder without .env, with no settings but those given. It writes where this one does. */
function start(cwd: string, program: string, settings: Record<string, string>): ChildProcess {
  const kept = ENVIRONMENT.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined);
  const env: Record<string, string> = { ...Object.fromEntries(kept), ...settings };
  return spawn(process.execPath, [join(__dirname, '..', program)], {
    cwd,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

async function freePort(): Promise<string> {
  const server = createServer();
  const { port } = new URL(await listen(server));
  await close(server);
  return port;
}

/** Resolves once the receiver answers, or rejects if it has ended. */
async function answering(url: string, receiver: ChildProcess): Promise<void> {
  while (receiver.exitCode === null) {
    if (await fetch(url).catch(() => undefined)) return;
    await sleep(50);
  }
  throw new Error('the receiver ended');
}

function tell(what: string, command?: string): void {
  process.stderr.write(`\n${what}\n${command ? `$ ${command}\n` : ''}`);
}

demo().catch((error: unknown) => {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
