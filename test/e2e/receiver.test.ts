import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { itIfScript } from '../support/available.js';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, program, Receiver, run, runProgram, Transcript } from '../support/programs.js';
import { received } from '../support/raw.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

/** The local time that each line on stderr begins with. */
const TIME = /^\d\d:\d\d:\d\d {2}/;

/** The lines on stderr, without their times. Throws if one has none. */
function said(lines: string[]): string[] {
  return lines.map((line) => {
    if (!TIME.test(line)) throw new Error(`No time before ${line}`);
    return line.replace(TIME, '');
  });
}

/** A request that is on its way and never ends. */
async function unfinished(port: number) {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write('POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

describe('start, output and stop', () => {
  it('with no settings: says where it listens, that anyone may send, the next step, and logs JSON lines', async () => {
    const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
    const events = [notification(), notification()];
    for (const event of events) expect((await receiver.post(event)).status).toBe(200);
    expect((await receiver.post('{')).status).toBe(400);
    expect(await receiver.end('SIGTERM')).toBe(0);
    expect(receiver.stdout.text).toBe(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const { port } = receiver;
    expect(said(receiver.stderr.lines)).toEqual([
      `Listening on http://localhost:${port}/webhook`,
      expect.stringMatching(/^Anyone who knows the address can send events: neither .* nor .* is set/),
      `Next: \`ngrok http ${port}\` in a second terminal, then \`npm run register\` in a third (safe to repeat).`,
      expect.stringMatching(/^POST \/webhook 200 "node" [\d.]+ ms$/),
      expect.stringMatching(/^POST \/webhook 200 /),
      expect.stringMatching(/^POST \/webhook 400 "node" [\d.]+ ms from 127\.0\.0\.1: The body is not JSON/),
      'Stopping on SIGTERM',
    ]);
  });

  it('with settings: takes only events of RingCentral, and shows them as LOG_FORMAT says', async () => {
    const env = { WEBHOOK_VERIFICATION_TOKEN: 't', WEBHOOK_ADDRESS: 'https://hook.example', LOG_FORMAT: 'summary' };
    const receiver = await Receiver.start(env, { nodeOptions: FAST_CLOCK });
    expect((await receiver.post(notification())).status).toBe(401);
    expect((await receiver.post(notification(), { 'verification-token': 't' })).status).toBe(200);
    expect(await receiver.end('SIGINT')).toBe(0);
    expect(receiver.stdout.text).toMatch(
      /^2026-02-28 10:05:55 {2}Voicemail from Grace Hopper, \+18664320079, Arlington, VA {2}→ {2}Ada Byron, ext\. 101 {2}unread\n$/,
    );
    expect(said(receiver.stderr.lines)).toEqual([
      expect.stringMatching(/^Listening on/),
      'Next: `npm run register` in a second terminal (safe to repeat).',
      expect.stringMatching(/^Refused a notification without the right Verification-Token\./),
      expect.stringMatching(/^POST \/webhook 401 .* from 127\.0\.0\.1: Verification-Token is missing/),
      expect.stringMatching(/^POST \/webhook 200 /),
      'Stopping on SIGINT',
    ]);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at once on a second signal: %s', async (second) => {
    const receiver = await Receiver.start();
    const slow = await unfinished(receiver.port);
    receiver.child.kill('SIGTERM');
    await receiver.stderr.match(/Stopping/);
    expect(await receiver.end(second)).toBe(second);
    slow.destroy();
  });

  it('lets a request under way finish, and takes no new connections', async () => {
    const receiver = await Receiver.start();
    const body = JSON.stringify(notification());
    const socket = connect(receiver.port, '127.0.0.1');
    const answer = new Transcript(socket);
    socket.write(
      `POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    await answer.match(/100 Continue/);
    const exit = receiver.end('SIGTERM');
    await receiver.stderr.match(/Stopping/);
    await expect(fetch(receiver.url)).rejects.toThrow();
    socket.write(body);
    await answer.match(/HTTP\/1\.1 200 OK/);
    expect(await exit).toBe(0);
    expect(receiver.stdout.text).toBe(`${body}\n`);
  });

  it('closes first what sits idle, and then what never ends its request', async () => {
    const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK });
    const idle = connect(receiver.port, '127.0.0.1');
    idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const slow = await unfinished(receiver.port);
    const answer = received(slow);
    const ended = receiver.end('SIGTERM');
    await once(idle, 'close');
    expect(slow.closed).toBe(false);
    expect(await ended).toBe(0);
    // It did not wait for the limit on the request.
    expect(await answer).toBe('');
  });
});

describe('what keeps it from starting is one line that names the setting', () => {
  it.each<[Record<string, string>, RegExp]>([
    [{ PORT: 'x' }, /^PORT is "x"/],
    [{ WEBHOOK_VERIFICATION_TOKEN: 'two words' }, /^WEBHOOK_VERIFICATION_TOKEN is too long, or/],
    [{ HOST: '203.0.113.7' }, /^HOST 203\.0\.113\.7 is not an address of this machine/],
  ])('%j', async (env, line) => {
    const { status, stdout, stderr } = await runProgram('src/server', [], { PORT: '0', ...env });
    expect([status, stdout, said(stderr.trim().split('\n'))]).toEqual([1, '', [expect.stringMatching(line)]]);
  });

  it('a port that is in use', async () => {
    const other = createServer().listen(0);
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { status, stderr } = await runProgram('src/server', [], { PORT: port });
    other.close();
    expect([status, said(stderr.trim().split('\n'))]).toEqual([
      1,
      [expect.stringMatching(new RegExp(`^PORT ${port} is in use: stop the program that uses it`))],
    ]);
  });

  it('a .env that is wrong, or cannot be read', async () => {
    const wrong = temporaryFolder();
    writeFileSync(join(wrong, '.env'), 'LOG_FORMAT=wrong\nPORT=99999\n');
    // What is set in the environment wins.
    const { status, stderr } = await runProgram('src/server', [], { PORT: '0' }, wrong);
    expect([status, said([stderr.trim()])]).toEqual([1, ['LOG_FORMAT is "wrong": it takes pretty, summary or json']]);
    const unreadable = temporaryFolder();
    mkdirSync(join(unreadable, '.env'));
    const other = await runProgram('src/server', [], { PORT: '0' }, unreadable);
    expect([other.status, said([other.stderr.trim()])]).toEqual([
      1,
      [expect.stringMatching(/^\.env cannot be read: /)],
    ]);
  });
});

describe('the command line', () => {
  it('--help shows the usage and starts nothing', async () => {
    const { status, stdout, stderr } = await runProgram('src/server', ['--help'], { PORT: 'wrong' });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: npm start\n[^]*LOG_FORMAT[^]*WEBHOOK_VERIFICATION_TOKEN/);
  });

  it.each([
    ['--port', /^Unknown option '--port'$/],
    ['8081', /^Unexpected argument '8081'/],
  ])('with %s ends with 2 and the usage', async (argument, problem) => {
    const { status, stdout, stderr } = await runProgram('src/server', [argument]);
    const [first, ...rest] = said(stderr.trim().split('\n'));
    expect([status, stdout, first]).toEqual([2, '', expect.stringMatching(problem)]);
    expect(rest).toContain('Usage: npm start');
  });
});

describe('on a terminal', () => {
  /** Starts the receiver on a terminal of its own, and resolves once it listens. */
  async function onTerminal(env: Record<string, string>, body: object) {
    const words = [process.execPath, ...FAST_CLOCK, program('src/server')];
    const command = `exec ${words.map((word) => `"${word}"`).join(' ')}`;
    const child = run('script', ['-qefc', command, '/dev/null'], { PORT: '0', TERM: 'xterm', ...env });
    const screen = new Transcript(child.stdout);
    const port = (await screen.match(/localhost:(\d+)/))[1];
    const headers = { 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${port}/webhook`;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    await screen.match(/POST \/webhook 200/);
    child.stdin.write('\u0003'); // Ctrl-C
    expect(await once(child, 'exit')).toEqual([0, null]);
    return screen.text;
  }
  const hostile = notification({ body: { type: 'Voicemail', from: { name: 'Grace\u001b[2J\u009b31m' } } });

  itIfScript('the summary is bold, payload and access log are faint, and no other escape gets out', async () => {
    const screen = await onTerminal({}, hostile);
    expect(screen).toMatch(
      // oxlint-disable-next-line no-control-regex
      /\u001b\[1m[-\d: ]+ {2}Voicemail from Grace\\u001b\[2J\\u009b31m, a withheld number\u001b\[22m\r\n\u001b\[2m\{\r\n {2}"uuid": [^]*\r\n\}\u001b\[22m\r\n/,
    );
    // oxlint-disable-next-line no-control-regex
    expect(screen).toMatch(/\u001b\[2m\d\d:\d\d:\d\d {2}POST \/webhook 200 .* ms\u001b\[22m\r\n/);
    // oxlint-disable-next-line no-control-regex
    expect(screen.match(/[\u001b\u009b](\[\d+m)?/g)).toEqual(
      ['1', '22', '2', '22', '2', '22'].map((code) => `\u001b[${code}m`),
    );
  });

  itIfScript.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('nothing is styled with %j', async (env) => {
    const screen = await onTerminal(env, hostile);
    expect(screen).toMatch(/\r\n[-\d: ]+ {2}Voicemail from Grace\\u001b\[2J.*\r\n\{\r\n {2}"uuid": /);
    // oxlint-disable-next-line no-control-regex
    expect(screen).not.toMatch(/[\u001b\u009b]/);
  });
});

it.each([
  [{}, false],
  [{ FORCE_COLOR: '1' }, true],
])('in a pipe, with %j, what is pretty is styled: %j', async (env, isStyled) => {
  const receiver = await Receiver.start({ LOG_FORMAT: 'pretty', ...env }, { nodeOptions: FAST_CLOCK });
  await receiver.post(notification());
  await receiver.end('SIGTERM');
  for (const { text } of [receiver.stdout, receiver.stderr]) expect(text.includes('\u001b[')).toBe(isStyled);
  expect(receiver.stdout.text).toMatch(/Voicemail from Grace Hopper[^]*\n {2}"uuid": /);
});
