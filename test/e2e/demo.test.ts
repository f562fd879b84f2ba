import { afterEach, expect, it } from '@jest/globals';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { endPrograms, runProgram, type Result } from '../support/programs.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

const VARIABLES = [
  ...'RINGCENTRAL_SERVER RINGCENTRAL_SERVER_URL RINGCENTRAL_CLIENT_ID RINGCENTRAL_CLIENT_SECRET'.split(' '),
  ...'RINGCENTRAL_JWT RINGCENTRAL_USERNAME RINGCENTRAL_PASSWORD RINGCENTRAL_EXTENSION'.split(' '),
  ...'WEBHOOK_ADDRESS WEBHOOK_EVENT_FILTERS WEBHOOK_EXTENSIONS WEBHOOK_VERIFICATION_TOKEN'.split(' '),
  ...'NGROK_API_URL CLOUDFLARED_API_URL KEEP_FILE PORT HOST LOG_FORMAT'.split(' '),
];
/** A value that no setting takes. */
const WRONG = 'wrong value';
/** Where temporary files go, on Windows by TEMP. */
const temporaryAt = (folder: string) => ({ TMPDIR: folder, TEMP: folder });

it('shows registration, voicemail and transcript, whatever is set, also if port 8081 is taken', async () => {
  const folder = temporaryFolder();
  const temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  writeFileSync(join(folder, '.env'), VARIABLES.map((name) => `${name}="${WRONG}"\n`).join(''));
  const env = { ...Object.fromEntries(VARIABLES.map((name) => [name, WRONG])), ...temporaryAt(temporary) };
  const settings = [env, { ...temporaryAt(temporary), FORCE_COLOR: '1' }];
  // By another program, if it is free now.
  const other = createServer()
    .listen(8081)
    .on('error', () => {});
  const runs: Result[] = [];
  for (const each of settings) {
    runs.push(await runProgram('scripts/demo', [], each, folder));
    other.close();
  }
  for (const { status, stdout, stderr } of runs) {
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Found ngrok: http:\/\/127\.0\.0\.1:\d+ → localhost:\d+$/m);
    expect(stderr).toMatch(
      /^Checked http:\/\/127\.0\.0\.1:\d+\/webhook: answers in \d+ ms and expects the right verification token$/m,
    );
    const shown = stripVTControlCharacters(stdout);
    expect(shown).toMatch(
      /^Subscribed to \/restapi\/v1\.0\/account\/~\/extension\/~\/voicemail\n {2}id {7}[-\w]{36}\n {2}expires {2}[-\d]{10} \(in 20 years\)\n/,
    );
    expect(shown).toMatch(
      /^{\n {2}"uuid": [^]*\n}\n\d\d:\d\d:\d\d {2}Voicemail from Grace Hopper, \+18664320079, Arlington, VA {2}→ {2}Ada Byron, ext\. 101 {2}0:17 {2}unread\n/m,
    );
    expect(shown).toMatch(
      /^\d\d:\d\d:\d\d {2}Transcript of \d\d:\d\d:\d\d, Grace Hopper:\n {4}Hi Ada, this is Grace\./m,
    );
    // A word between them on what is happening, and the commands of real life.
    for (const words of ['$ npm start', '$ npm run register', 'Grace calls Ada', '$ npm run keep'])
      expect(stderr).toContain(words);
    expect(stdout + stderr).not.toContain(WRONG);
    expect(stderr).not.toMatch(/^ +at /m);
  }
  // The programs that it starts style their output, too: a bold summary, and a faint payload.
  const escapes = (text = '') => text.split('\u001b').length - 1;
  expect(escapes(runs[0]?.stdout)).toBe(0);
  expect(escapes(runs[1]?.stdout)).toBeGreaterThan(3);
  expect(readdirSync(temporary)).toEqual([]);
});

it('fails with one line, and ends, if there is no temporary folder', async () => {
  const result = await runProgram('scripts/demo', [], temporaryAt(join(temporaryFolder(), 'none')));
  expect(result).toMatchObject({ status: 1, stderr: expect.stringMatching(/^Unexpected error: .*ENOENT.*\n$/) });
});
