import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startNgrokAgent, tunnel } from '../test/support/ngrok-agent.js';
import { CREDENTIALS, Platform } from '../test/support/platform.js';

/** The whole way of a voicemail on this machine: real receiver and registration, stand-ins for RingCentral and ngrok. */
async function demo(): Promise<void> {
  const platform = await Platform.start();
  const folder = await mkdtemp(join(tmpdir(), 'voicemail-demo-'));
  tell('The receiver, with the client secret of a stand-in for RingCentral:', 'npm start');
  const receiver = start(folder, 'src/server.js', { PORT: '0', LOG_FORMAT: 'pretty', ...CREDENTIALS });
  try {
    const port = await listening(receiver.stderr);
    const ngrok = await startNgrokAgent({ tunnels: [tunnel(`http://127.0.0.1:${port}`, `localhost:${port}`)] });
    tell('The registration, through a stand-in for ngrok:', 'npm run register');
    const env = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, NGROK_API_URL: ngrok.url, PORT: port };
    const registration = start(folder, 'scripts/register.js', env);
    registration.stderr.pipe(process.stderr);
    const [status] = await once(registration, 'close');
    await ngrok.close();
    if (status !== 0) throw new Error(`the registration ended with ${status}`);
    tell('Grace calls Ada, who does not pick up. RingCentral notifies the receiver:');
    const [delivery] = await platform.deliver();
    if (!delivery?.accepted) throw new Error(`the notification was answered with ${delivery?.status}`);
  } finally {
    receiver.kill();
    await once(receiver, 'close');
    await platform.close();
    await rm(folder, { recursive: true });
  }
  tell('That was the whole way. For your own number, follow the README from step 1.');
}

/** Starts a built program in a folder without .env, with no settings but those given. Its stdout is this one's. */
function start(cwd: string, program: string, settings: Record<string, string>) {
  const { PATH, SystemRoot, TZ } = process.env;
  const env = { ...(PATH && { PATH }), ...(SystemRoot && { SystemRoot }), ...(TZ && { TZ }), ...settings };
  return spawn(process.execPath, [join(__dirname, '..', program)], { cwd, env, stdio: ['ignore', 'inherit', 'pipe'] });
}

/** Passes on what the receiver says, and resolves to its port once it listens. */
function listening(stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface(stderr);
    lines.on('line', (line) => {
      process.stderr.write(`${line}\n`);
      const port = /Listening on http:\/\/localhost:(\d+)/.exec(line)?.[1];
      if (port) resolve(port);
    });
    lines.on('close', () => reject(new Error('the receiver ended')));
  });
}

function tell(what: string, command?: string): void {
  process.stderr.write(`\n${what}\n${command ? `$ ${command}\n` : ''}`);
}

demo().catch((error: unknown) => {
  process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
