import { afterEach, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, Receiver, runProgram, said } from '../support/programs.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

it('with no settings: says where it listens, that anyone may send, the next step, and logs JSON lines', async () => {
  const cwd = temporaryFolder();
  const receiver = await Receiver.start({}, { nodeOptions: FAST_CLOCK, cwd });
  const events = [notification(), notification()];
  for (const event of events) expect((await receiver.post(event)).status).toBe(200);
  expect((await receiver.post('{')).status).toBe(400);
  await receiver.stderr.match(/ 400 .*\n/);
  await receiver.end('SIGTERM');
  expect(receiver.stdout.text).toBe(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const { port } = receiver;
  expect(said(receiver.stderr.lines).slice(0, 6)).toEqual([
    `Listening on http://localhost:${port}/webhook`,
    'Anyone who knows the address can send events: neither RINGCENTRAL_CLIENT_SECRET nor WEBHOOK_VERIFICATION_TOKEN ' +
      `is set. There is no ${join(cwd, '.env')}: start this in ${join(__dirname, '../../..')}.`,
    `Next: \`ngrok http ${port}\` in a second terminal, then \`npm run register\` in a third (safe to repeat).`,
    expect.stringMatching(/^POST \/webhook 200 "node" [\d.]+ ms$/),
    expect.stringMatching(/^POST \/webhook 200 /),
    expect.stringMatching(/^POST \/webhook 400 "node" [\d.]+ ms from 127\.0\.0\.1: The body is not JSON/),
  ]);
});

it('with settings: takes only events of RingCentral, and shows them, with their text, as LOG_FORMAT says', async () => {
  const env = { WEBHOOK_VERIFICATION_TOKEN: 't', WEBHOOK_ADDRESS: 'https://hook.example', LOG_FORMAT: 'summary' };
  const receiver = await Receiver.start(env, { nodeOptions: FAST_CLOCK });
  expect((await receiver.post(notification())).status).toBe(401);
  const event = notification();
  Object.assign(event.body ?? {}, { subject: 'Call me back.' });
  expect((await receiver.post(event, { 'verification-token': 't' })).status).toBe(200);
  await receiver.stderr.match(/ 200 .*\n/);
  await receiver.end('SIGTERM');
  expect(receiver.stdout.text).toMatch(
    /^2026-02-28 10:05:55 {2}Voicemail from Grace Hopper, \+18664320079, Arlington, VA {2}→ {2}Ada Byron, ext\. 101 {2}unread\n {4}Call me back\.\n$/,
  );
  expect(said(receiver.stderr.lines).slice(0, 5)).toEqual([
    expect.stringMatching(/^Listening on/),
    'Next: `npm run register` in a second terminal (safe to repeat).',
    expect.stringMatching(/^Refused 1 notification without the right Verification-Token\./),
    expect.stringMatching(/^POST \/webhook 401 .* from 127\.0\.0\.1: Verification-Token is missing/),
    expect.stringMatching(/^POST \/webhook 200 /),
  ]);
});

it('with a wrong setting: ends with 1 and a line that names it', async () => {
  const folder = temporaryFolder();
  // What is set in the environment wins.
  writeFileSync(join(folder, '.env'), 'LOG_FORMAT=wrong\nPORT=99999\n');
  const { status, stdout, stderr } = await runProgram('src/server', [], { PORT: '0' }, folder);
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(said([stderr])).toEqual(['LOG_FORMAT is "wrong": it takes pretty, summary or json\n']);
});

describe('the command line', () => {
  it.each([
    ['src/server', /^Usage: npm start\n[^]*LOG_FORMAT[^]*WEBHOOK_VERIFICATION_TOKEN/],
    ['scripts/keep', /^Usage: npm run keep \[-- OPTIONS\]\n\nReceives as [^]*--every TIME/],
  ])('--help shows the usage of %s and starts nothing', async (name, usage) => {
    const result = await runProgram(name, ['--help'], { PORT: 'wrong' });
    expect(result).toEqual({ status: 0, stdout: expect.stringMatching(usage), stderr: '' });
  });

  it('with an unknown option ends with 2, what is wrong, and how to get the usage', async () => {
    const { status, stdout, stderr } = await runProgram('src/server', ['--port']);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(said(stderr.trim().split('\n'))).toEqual(["Unknown option '--port'", 'Usage: npm start -- --help']);
  });

  it('with words that are no options, as pm2-runtime leaves them, starts and names them', async () => {
    const receiver = await Receiver.start({}, { args: ['start', 'app.js'] });
    expect(said(receiver.stderr.lines)).toContain('Ignored, not an option: start app.js');
  });
});
