import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endPrograms } from './support/receiver.js';
import { runScript } from './support/script.js';

afterEach(endPrograms);

const VARIABLES = [
  'RINGCENTRAL_SERVER',
  'RINGCENTRAL_CLIENT_ID',
  'RINGCENTRAL_CLIENT_SECRET',
  'RINGCENTRAL_JWT',
  'RINGCENTRAL_USERNAME',
  'RINGCENTRAL_PASSWORD',
  'RINGCENTRAL_EXTENSION',
  'WEBHOOK_ADDRESS',
  'WEBHOOK_EVENT_FILTERS',
  'WEBHOOK_VERIFICATION_TOKEN',
  'NGROK_API_URL',
  'PORT',
  'HOST',
  'LOG_FORMAT',
  'CORS_ORIGIN',
];
/** A value that no setting takes. */
const WRONG = 'wrong value';

it('shows registration, subscription and voicemail, whatever is set, even twice at the same time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-'));
  const temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  writeFileSync(join(folder, '.env'), VARIABLES.map((name) => `${name}="${WRONG}"\n`).join(''));
  const env = { ...Object.fromEntries(VARIABLES.map((name) => [name, WRONG])), TMPDIR: temporary };
  const runs = await Promise.all([env, { TMPDIR: temporary }].map((each) => runScript('demo', [], each, folder)));
  for (const { status, stdout, stderr } of runs) {
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/^Found ngrok: http:\/\/127\.0\.0\.1:\d+ → localhost:/m),
    ]);
    expect(stdout).toMatch(
      /^Subscribed to \/restapi\/v1\.0\/account\/~\/extension\/~\/voicemail\n {2}id {7}[-\w]{36}\n {2}expires {2}[-\d]{10} \(in 20 years\)\n/,
    );
    expect(stdout).toMatch(
      /^\d\d:\d\d:\d\d {2}Voicemail from Grace Hopper, \+18664320079, Arlington, VA {2}→ {2}Ada Byron, ext\. 101 .*unread\n{\n\t"uuid": /m,
    );
    // A word between them on what is happening, and the commands of real life.
    for (const words of ['$ npm start', '$ npm run register', 'Grace calls Ada']) expect(stderr).toContain(words);
    expect(stdout + stderr).not.toContain(WRONG);
    expect(stderr).not.toMatch(/^ +at /m);
  }
  expect(readdirSync(temporary)).toEqual([]);
});
