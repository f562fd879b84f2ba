import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { itIfIPv6, itIfNotWindows, itIfScript } from '../support/available.js';
import { atATime, uuidsOf } from '../support/load.js';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, program, Receiver, run, runProgram, Transcript } from '../support/programs.js';
import { exchange, request } from '../support/raw.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

const TIME = /^\d\d:\d\d:\d\d {2}/;

describe('behind a proxy, which adds its own headers', () => {
  it('an answer takes 300 bytes for a handshake, and 260 for a notification, on a connection that is kept', async () => {
    const receiver = await Receiver.start({ WEBHOOK_VERIFICATION_TOKEN: 't' }, { nodeOptions: FAST_CLOCK });
    const socket = connect(receiver.port, '127.0.0.1');
    const answer = new Transcript(socket);
    const send = async (headers: string, body = '') => {
      answer.text = '';
      const head = `POST /webhook HTTP/1.1\r\nHost: hook.example.com\r\nConnection: keep-alive\r\n${headers}`;
      socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return (await answer.match(/^HTTP\/1\.1 200 OK\r\n[^]*Keep-Alive: [^]*\r\n\r\n$/))[0];
    };
    const token = randomUUID();
    const handshake = await send(`Validation-Token: ${token}\r\n`);
    expect(handshake).toContain(`\r\nValidation-Token: ${token}\r\n`);
    expect(handshake.length).toBeLessThanOrEqual(300);
    const headers = 'Content-Type: application/json; charset=UTF-8\r\nVerification-Token: t\r\n';
    expect((await send(headers, JSON.stringify(notification()))).length).toBeLessThanOrEqual(260);
    socket.destroy();
    await receiver.end('SIGTERM');
    expect(receiver.stdout.lines).toHaveLength(1);
  });

  it('a refusal names the sender that X-Forwarded-For names', async () => {
    const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
    await receiver.post('{}', { 'x-forwarded-for': '203.0.113.7' });
    await receiver.stderr.match(/POST \/webhook 400 "node" [\d.]+ ms from 203\.0\.113\.7: Neither a handshake/);
  });
});

it('stdout and stderr in one pipe do not tear each other: 400 of 400 events come through a slow reader', async () => {
  const receiver = await Receiver.start({}, { redirect: '2>&1', nodeOptions: FAST_CLOCK });
  const { stdout } = receiver.child;
  stdout.on('data', () => {
    stdout.pause();
    setTimeout(() => stdout.resume(), 3);
  });
  const events = Array.from({ length: 400 }, (_, i) => ({ ...notification(), padding: 'x'.repeat(3000 + 50 * i) }));
  await atATime(20, events, async (event) => {
    while ((await receiver.post(event)).status !== 200);
  });
  const ended = once(receiver.child, 'close');
  receiver.child.kill('SIGTERM');
  await ended;
  const lines = receiver.stdout.lines.filter((line) => !TIME.test(line));
  expect(uuidsOf(lines).sort()).toEqual(events.map(({ uuid }) => uuid).sort());
  expect(receiver.stdout.lines.filter((line) => / POST \/webhook 200 /.test(line)).length).toBeGreaterThanOrEqual(400);
});

describe('a file that stdout appends to', () => {
  /** Runs the receiver on a file, and resolves to those of the events that it refused. */
  async function logTo(file: string, events: { uuid: string }[], before = '') {
    const redirect = `>> "${file}"`;
    const receiver = await Receiver.start({}, { before, redirect, nodeOptions: FAST_CLOCK });
    const refused: typeof events = [];
    for (const event of events) if ((await receiver.post(event)).status !== 200) refused.push(event);
    await receiver.end('SIGTERM');
    return refused;
  }

  itIfNotWindows('gets a line feed first if its last line is unfinished, and none if it is whole', async () => {
    const file = join(temporaryFolder(), 'events');
    writeFileSync(file, '{"event":"/whole"}\n{"event":"/to');
    const [first, second] = [notification(), notification()];
    expect(await logTo(file, [first])).toEqual([]);
    expect(await logTo(file, [second])).toEqual([]);
    expect(readFileSync(file, 'utf8').split('\n')).toEqual([
      '{"event":"/whole"}',
      '{"event":"/to',
      JSON.stringify(first),
      JSON.stringify(second),
      '',
    ]);
  });

  itIfNotWindows(
    'has every event that was answered 200 once, after a write that failed in the middle of a line',
    async () => {
      const file = join(temporaryFolder(), 'events');
      const events = Array.from({ length: 40 }, () => notification());
      // What the program writes beside its log must fit, too.
      const refused = await logTo(file, events, 'unset NODE_V8_COVERAGE; ulimit -f 16;');
      const last = readFileSync(file, 'utf8').split('\n').at(-1) ?? '';
      expect(last).toMatch(/^\{"uuid".*[^}]$/);
      expect(refused.length).toBeGreaterThan(1);
      // RingCentral sends again what was refused, and perhaps what was not.
      expect(await logTo(file, refused)).toEqual([]);
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      const whole = lines.filter((line) => line !== last);
      expect(lines.length - whole.length).toBe(1);
      expect(uuidsOf(whole).sort()).toEqual(events.map(({ uuid }) => uuid).sort());
    },
  );
});

describe('a hang-up', () => {
  it('changes nothing if neither stream is a terminal: nohup leaves it running', async () => {
    const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
    receiver.child.kill('SIGHUP');
    receiver.child.kill('SIGHUP');
    expect((await receiver.post(notification())).status).toBe(200);
    expect(await receiver.end('SIGTERM')).toBe(0);
    expect(receiver.stderr.text).not.toMatch(/SIGHUP/);
  });

  itIfScript('stops it in order if it is on a terminal, and it says so', async () => {
    const command = `echo "pid $$"; exec "${process.execPath}" "${program('src/server')}"`;
    const child = run('script', ['-qefc', command, '/dev/null'], { PORT: '0', TERM: 'dumb' });
    const screen = new Transcript(child.stdout);
    const pid = Number((await screen.match(/pid (\d+)/))[1]);
    await screen.match(/Next:/);
    const exit = once(child, 'exit');
    process.kill(pid, 'SIGHUP');
    process.kill(pid, 'SIGHUP');
    expect(await exit).toEqual([0, null]);
    expect(screen.text).toMatch(/\d\d:\d\d:\d\d {2}Stopping on SIGHUP: the terminal was closed\r\n$/);
  });
});

it.each(['stdout', 'stdout and stderr'])(
  'SIGTERM ends it in order although nobody reads %s: the first process of a container cannot kill itself',
  async (streams) => {
    const redirect = streams === 'stdout' ? '' : '2>&1';
    const receiver = await Receiver.start({}, { redirect, nodeOptions: FAST_CLOCK });
    receiver.child.stdout.pause();
    const padding = 'x'.repeat(100_000);
    let status;
    do ({ status } = await receiver.post({ ...notification(), padding }));
    while (status === 200);
    expect(status).toBe(503);
    expect(await receiver.end('SIGTERM')).toBe(0);
  },
);

it('a request target that Express cannot parse is refused in JSON, and nothing but the access log speaks of it', async () => {
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
  const targets = ['http://[bad/webhook', 'http://xn--a/webhook', 'http://x:99999/webhook', '//[bad/webhook', '*'];
  for (const target of targets)
    expect(await exchange(receiver.port, request([`POST ${target} HTTP/1.1`]))).toMatch(
      /^HTTP\/1\.1 40[04] [^]*\r\nContent-Type: application\/json[^]*\r\n\r\n\{"error":".*"\}$/,
    );
  const expecting = request(['POST /webhook HTTP/1.1', 'Validation-Token: t', 'Expect: the unexpected']);
  expect(await exchange(receiver.port, expecting)).toMatch(/^HTTP\/1\.1 200 /);
  await receiver.end('SIGTERM');
  const lines = receiver.stderr.lines.filter((line) => / 40[04] /.test(line) || !TIME.test(line));
  expect(lines.map((line) => line.replace(TIME, '').split(' 40')[0])).toEqual(
    targets.map((target) => `POST ${target}`),
  );
});

it('a body that is too large is refused before it is sent, and no line of the access log is long', async () => {
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
  const socket = connect(receiver.port, '127.0.0.1');
  const answer = new Transcript(socket);
  socket.write('POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  await answer.match(/^HTTP\/1\.1 413 [^]*\{"error":".*"\}$/);
  socket.destroy();
  const long = 'x'.repeat(3000);
  await exchange(receiver.port, request([`POST /${long} HTTP/1.1`, `User-Agent: ${long}`, `X-Forwarded-For: ${long}`]));
  await receiver.end('SIGTERM');
  expect(receiver.stderr.text).toMatch(/POST \/webhook 413 /);
  expect(receiver.stderr.text).toMatch(/POST \/x+… 404 "x+…" [\d.]+ ms from x+…: Nothing is served/);
  for (const line of receiver.stderr.lines) expect(line.length).toBeLessThanOrEqual(1000);
});

describe('settings that are not found', () => {
  it('the start says which .env it looked for, if anyone may send', async () => {
    const folder = realpathSync(temporaryFolder());
    const receiver = await Receiver.start({}, { cwd: folder });
    await receiver.stderr.match(/Anyone who knows the address can send events: .* is set, and there is no (.*)\.\n/);
    expect(receiver.stderr.text).toContain(`there is no ${join(folder, '.env')}.`);
  });

  it.each(['src/server', 'scripts/register'])('%s names a .env in UTF-16, as PowerShell writes it', async (name) => {
    const folder = realpathSync(temporaryFolder());
    writeFileSync(join(folder, '.env'), '\ufeffRINGCENTRAL_CLIENT_ID=id\r\n', 'utf16le');
    const { status, stdout, stderr } = await runProgram(name, [], { PORT: '0' }, folder);
    expect([status, stdout, stderr.replace(TIME, '')]).toEqual([
      1,
      '',
      `${join(folder, '.env')} is in UTF-16: save it in UTF-8.\n`,
    ]);
  });

  it('the registration does not go to production if the server is set under another name', async () => {
    const { status, stdout, stderr } = await runProgram('scripts/register', [], {
      RINGCENTRAL_SERVER_URL: 'http://127.0.0.1:1',
      RINGCENTRAL_CLIENT_ID: 'id',
      RINGCENTRAL_CLIENT_SECRET: 'secret',
      RINGCENTRAL_JWT: 'jwt',
      WEBHOOK_ADDRESS: 'http://127.0.0.1:1/webhook',
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^RINGCENTRAL_SERVER_URL is not read: .* RINGCENTRAL_SERVER\.\n$/);
  });
});

describe('the greeting names the address that it listens on', () => {
  it('with HOST', async () => {
    const receiver = await Receiver.start({ HOST: '127.0.0.1' });
    expect(receiver.stderr.text).toContain(`Listening on http://127.0.0.1:${receiver.port}/webhook\n`);
  });

  itIfIPv6('with HOST=[::1], which is ::1', async () => {
    const receiver = await Receiver.start({ HOST: '[::1]' });
    expect(receiver.stderr.text).toContain(`Listening on http://[::1]:${receiver.port}/webhook\n`);
    expect((await fetch(`http://[::1]:${receiver.port}/healthz`)).status).toBe(200);
  });
});

it('writes its times by hand, without the locales that small builds of Node.js lack', async () => {
  const preload = join(temporaryFolder(), 'locales.js');
  const names = ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'];
  writeFileSync(preload, names.map((name) => `Date.prototype.${name} = () => '2/28/2026, 10:05 AM';`).join('\n'));
  const nodeOptions = [...FAST_CLOCK, '--require', preload];
  const receiver = await Receiver.start({ LOG_FORMAT: 'summary' }, { nodeOptions });
  await receiver.post(notification());
  await receiver.end('SIGTERM');
  expect(receiver.stdout.text).toMatch(/^2026-02-28 10:05:55 {2}Voicemail/);
  for (const line of receiver.stderr.lines) expect(line).toMatch(TIME);
});
