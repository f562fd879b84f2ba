import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notification } from './support/notification.js';
import { exchange, request } from './support/raw.js';
import { endPrograms, Receiver, run, SERVER, Transcript } from './support/receiver.js';

afterEach(endPrograms);

describe('start', () => {
  it('says where it listens, the next step, and that anyone may send, once', async () => {
    const receiver = await Receiver.start();
    await receiver.stderr.match(/npm run register/);
    expect(receiver.stderr.lines).toEqual([
      `Listening on http://localhost:${receiver.port}/webhook`,
      expect.stringMatching(/^Anyone who knows the address can send events/),
      `Next: \`ngrok http ${receiver.port}\` in a second terminal, then \`npm run register\` in a third.`,
    ]);
  });

  it('says nothing more where origin and address are settled', async () => {
    const receiver = await Receiver.start({ RINGCENTRAL_CLIENT_SECRET: 's', WEBHOOK_ADDRESS: 'https://hook.example' });
    await receiver.end('SIGTERM');
    expect(receiver.stderr.lines).toEqual([expect.stringMatching(/^Listening on/), 'Stopping on SIGTERM']);
  });

  it('reads .env, and what is set in the environment wins', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dotenv-'));
    writeFileSync(join(folder, '.env'), 'LOG_FORMAT=wrong\nPORT=99999\n');
    const child = run(process.execPath, [SERVER], { PORT: '0' }, folder);
    const stderr = new Transcript(child.stderr);
    const [status] = await once(child, 'close');
    expect([status, stderr.text]).toEqual([1, 'LOG_FORMAT is "wrong": it takes pretty or json\n']);
  });

  it('says so where .env cannot be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dotenv-'));
    mkdirSync(join(folder, '.env'));
    const child = run(process.execPath, [SERVER], { PORT: '0' }, folder);
    const stderr = new Transcript(child.stderr);
    const [status] = await once(child, 'close');
    expect([status, stderr.text]).toEqual([1, expect.stringMatching(/^\.env cannot be read: .*\n$/)]);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ PORT: 'x' }, /^PORT is "x"/],
    [{ LOG_FORMAT: 'x' }, /^LOG_FORMAT is "x"/],
    [{ WEBHOOK_VERIFICATION_TOKEN: 'two words' }, /^WEBHOOK_VERIFICATION_TOKEN takes/],
    [{ HOST: '203.0.113.7' }, /^HOST 203\.0\.113\.7 is not an address of this machine/],
  ])('ends with a line that names the variable: %j', async (env, line) => {
    const { status, stdout, stderr } = await Receiver.run(env);
    expect([status, stdout, stderr.trim().split('\n')]).toEqual([1, '', [expect.stringMatching(line)]]);
  });

  it('ends with a line that names PORT where it is in use', async () => {
    const other = createServer().listen(0);
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { status, stderr } = await Receiver.run({ PORT: port });
    other.close();
    expect([status, stderr]).toEqual([1, expect.stringMatching(new RegExp(`^PORT ${port} is in use: .*\n$`))]);
  });
});

describe('output', () => {
  it('is one JSON object a line on stdout, and everything else on stderr', async () => {
    const receiver = await Receiver.start();
    const events = [notification(), notification()];
    for (const event of events) expect((await receiver.post(event)).status).toBe(200);
    expect((await receiver.post('{')).status).toBe(400);
    expect(await receiver.end('SIGTERM')).toBe(0);
    expect(receiver.stdout.text).toBe(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    expect(receiver.stderr.text).toMatch(
      /\nPOST \/webhook 200 "node" [\d.]+ ms\nPOST \/webhook 200 .*\nPOST \/webhook 400 /,
    );
  });

  it('is laid out for a person on a terminal', async () => {
    const command = `PORT=0 exec "${process.execPath}" "${SERVER}"`;
    const child = run('script', ['-qefc', command, '/dev/null'], {});
    const screen = new Transcript(child.stdout);
    const port = (await screen.match(/localhost:(\d+)/))[1];
    const answer = await fetch(`http://127.0.0.1:${port}/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notification()),
    });
    expect(answer.status).toBe(200);
    await screen.match(
      /Voicemail from Grace Hopper, \+18664320079, Arlington, VA {2}→ {2}Ada Byron, ext\. 101 .*\r\n{\r\n(\t| {8})"uuid"/,
    );
    child.stdin.write('\u0003'); // Ctrl-C
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('follows LOG_FORMAT', async () => {
    const receiver = await Receiver.start({ LOG_FORMAT: 'pretty' });
    await receiver.post(notification());
    await receiver.stdout.match(/Voicemail from Grace Hopper.*\n{\n\t"uuid"/);
  });

  it('lets nothing from outside obey, colour or break a line of the access log', async () => {
    const receiver = await Receiver.start();
    const head = [
      'POST /a\u009b2J?\u0085b HTTP/1.1',
      'User-Agent: \u009b31mred" \u0085 \u001b',
      'Validation-Token: \u009b1A',
      'Referer: \u009b1A',
    ];
    await exchange(receiver.port, request(head.map((line) => line.replace('\u001b', ''))));
    await exchange(receiver.port, request(['POST /webhook HTTP/1.1', ...head.slice(1, 2)]));
    await receiver.end('SIGTERM');
    // oxlint-disable-next-line no-control-regex
    expect(receiver.stderr.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    for (const line of receiver.stderr.lines) expect(line).toMatch(/^(Listening|Anyone|Next:|POST|Stopping) /);
  });
});

describe('stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('exits with 0 on %s', async (signal) => {
    expect(await (await Receiver.start()).end(signal)).toBe(0);
  });

  it('lets a request under way finish and takes no new connections', async () => {
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

  it('does not wait for a client that keeps its connection open, or never ends its request', async () => {
    const receiver = await Receiver.start();
    const idle = connect(receiver.port, '127.0.0.1');
    idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const slow = connect(receiver.port, '127.0.0.1').on('error', () => {});
    slow.write('POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
    await once(slow, 'data');
    expect(await receiver.end('SIGTERM')).toBe(0);
    idle.destroy();
    slow.destroy();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at once on a second signal: %s', async (second) => {
    const receiver = await Receiver.start();
    const slow = connect(receiver.port, '127.0.0.1').on('error', () => {});
    slow.write('POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n');
    await once(slow, 'data');
    receiver.child.kill('SIGTERM');
    await receiver.stderr.match(/Stopping/);
    expect(await receiver.end(second)).toBe(second);
    slow.destroy();
  });
});
