import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CREDENTIALS, Platform } from '../../scripts/fake/platform.js';
import { startTunnel, type Tunnel } from '../../scripts/fake/tunnel.js';
import { itIfNotWindows } from '../support/available.js';
import { endPrograms, program, run, runProgram, Transcript } from '../support/programs.js';
import { requested } from '../support/keep.js';
import { temporaryFolder } from '../support/temporary.js';

let platform: Platform;
let tunnel: Tunnel;
let port = 0;
afterEach(async () => {
  await endPrograms();
  await Promise.all([platform.close(), tunnel.close()]);
});

/** keep as a program of its own, beside a platform and a tunnel; `begin` starts it, again with the same ledger. */
async function start(settings: Record<string, string> = {}) {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  ({ port } = free.address() as AddressInfo);
  await new Promise((resolve) => free.close(resolve));
  platform = await Platform.start();
  tunnel = await startTunnel(() => `http://127.0.0.1:${port}`);
  const env = {
    ...CREDENTIALS,
    RINGCENTRAL_SERVER: platform.url,
    WEBHOOK_ADDRESS: tunnel.url,
    PORT: String(port),
    LOG_FORMAT: 'json',
    ...settings,
  };
  const cwd = temporaryFolder();
  const begin = () => {
    const child = run(process.execPath, [program('scripts/keep'), '--every', '1s'], env, cwd);
    const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
    // The last line may be cut off.
    const ids = () =>
      stdout.text
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { body: { id: number } }).body.id);
    /** Sends a signal, and resolves to the exit status, or the signal that ended it. */
    const end = async (signal: NodeJS.Signals) => {
      const ended = once(child, 'close');
      child.kill(signal);
      const [status, ending] = await ended;
      return status ?? ending;
    };
    return { child, stdout, stderr, ids, end };
  };
  return { env, cwd, begin };
}

itIfNotWindows(
  'registers, logs each voicemail once through kill -9 and lost notifications, and ends in order',
  async () => {
    const { begin } = await start();
    const first = begin();
    await first.stderr.match(/Call the number/);
    const notified = (await platform.leaveVoicemail()).message;
    await first.stdout.match(new RegExp(`"id":${notified.id}`));
    const lost = platform.store();
    await first.stdout.match(new RegExp(`"id":${lost.id}`));
    // By the next list the ledger has it.
    await requested(platform, 'GET', /\/message-store$/);
    expect(first.stderr.text).toMatch(/1 voicemail came without a notification:/);
    expect(await first.end('SIGKILL')).toBe('SIGKILL');

    const missed = (await platform.leaveVoicemail()).message;
    const second = begin();
    await second.stdout.match(new RegExp(`"id":${missed.id}`));
    await second.stderr.match(/Call the number/);
    expect(first.ids()).toEqual([notified.id, lost.id]);
    expect(second.ids()).toEqual([missed.id]);
    expect(await second.end('SIGTERM')).toBe(0);
    // kill -9 left the session of the first one.
    expect(platform.sessions).toBe(1);
    expect(platform.subscriptions).toHaveLength(1);
    expect(first.stderr.text + second.stderr.text).not.toMatch(/Warning|^ +at /m);
  },
);

itIfNotWindows.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s while RingCentral hangs', async (signal) => {
  const { begin } = await start();
  platform.fail('POST', /\/oauth\/token$/, 'hang');
  const { stderr, end } = begin();
  await stderr.match(/Listening/);
  expect(await end(signal)).toBe(0);
});

itIfNotWindows('a second signal ends it at once', async () => {
  const { begin } = await start();
  const { child, stderr, end } = begin();
  await stderr.match(/Call the number/);
  // A request under way, which is waited for.
  const slow = createConnection(port).on('error', () => {});
  slow.write('POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n');
  await once(slow, 'ready');
  child.kill('SIGTERM');
  await stderr.match(/Stopping on SIGTERM/);
  expect(await end('SIGINT')).toBe('SIGINT');
});

it('says before it listens what is wrong with its command line, its settings and its port', async () => {
  const { env, cwd } = await start();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  const taken = await runProgram('scripts/keep', [], { ...env, HOST: '127.0.0.1' }, cwd);
  other.close();
  expect(taken).toMatchObject({ status: 1, stdout: '' });
  expect(taken.stderr).toMatch(/PORT \d+ is in use: .*keep receives by itself: stop `npm start`.*\n$/);
  const wrong = await runProgram('scripts/keep', ['--every', '0s'], env, cwd);
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringMatching(/\n.*Usage: npm run keep -- --help\n$/) });
  const unset = await runProgram('scripts/keep', [], { ...env, RINGCENTRAL_JWT: '' }, cwd);
  expect(unset).toMatchObject({ status: 1, stderr: expect.stringMatching(/Not set: RINGCENTRAL_JWT\./) });
  expect(platform.requests).toEqual([]);
});

itIfNotWindows.each([1, 2])('loses nothing and doubles no more than kill -9 may, on bad day %i', async (day) => {
  const { begin } = await start();
  // The same each time (Park and Miller).
  let seed = day * 1000;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  platform.listLagMs = 1000;
  platform.blacklistAfter = 3;
  const runs = [begin()];
  await runs[0]?.stderr.match(/Call the number/);
  const left: string[] = [];
  const accidents = [
    async () => {
      await tunnel.close();
      await sleep(300);
      await tunnel.open();
    },
    async () => void (platform.lostDeliveries = 2),
    async () => platform.endSessions(),
    async () => {
      platform.down = true;
      await sleep(700);
      platform.down = false;
    },
    async () => {
      await runs.at(-1)?.end('SIGKILL');
      await sleep(random() * 500);
      runs.push(begin());
    },
  ];
  for (let i = 0; i < 24; i++) {
    const accident = i % 2 === 0 ? accidents[Math.floor(random() * accidents.length)]?.() : undefined;
    for (let n = 0; n < 2; n++) {
      left.push(String((await platform.leaveVoicemail()).message.id));
      await sleep(random() * 200);
    }
    await accident;
  }
  const logged = () => runs.flatMap((each) => each.ids().map(String));
  for (;;) {
    const missing = left.find((id) => !logged().includes(id));
    if (missing === undefined) break;
    await runs.at(-1)?.stdout.match(new RegExp(`"id":${missing}`));
  }
  const doubled = logged().length - new Set(logged()).size;
  // What was being written at that moment: a line, or a few of one write.
  expect(doubled).toBeLessThanOrEqual(2 * (runs.length - 1));
  expect(await runs.at(-1)?.end('SIGTERM')).toBe(0);
  expect(platform.subscriptions).toHaveLength(1);
});
