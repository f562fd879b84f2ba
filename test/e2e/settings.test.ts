import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endPrograms, Receiver, runProgram, said, TIME } from '../support/programs.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

/** What the receiver says, with a time before each line, as it ends with 1. */
async function whyNotStarted(env: Record<string, string>, cwd?: string): Promise<string[]> {
  const { status, stdout, stderr } = await runProgram('src/server', [], { PORT: '0', ...env }, cwd);
  expect(status).toBe(1);
  expect(stdout).toBe('');
  return said(stderr.trim().split('\n'));
}

describe('what keeps the receiver from starting is one line that names the setting', () => {
  it.each<[Record<string, string>, RegExp]>([
    [{ PORT: 'x' }, /^PORT is "x"/],
    [{ WEBHOOK_VERIFICATION_TOKEN: 'two words' }, /^WEBHOOK_VERIFICATION_TOKEN is too long, or/],
    [{ HOST: '203.0.113.7' }, /^HOST 203\.0\.113\.7 is not an address of this machine/],
  ])('%j', async (env, line) => {
    expect(await whyNotStarted(env)).toEqual([expect.stringMatching(line)]);
  });

  it('a port that is in use', async () => {
    const { port } = await Receiver.start();
    expect(await whyNotStarted({ PORT: String(port) })).toEqual([
      expect.stringMatching(new RegExp(`^PORT ${port} is in use: stop the program that uses it`)),
      '`npm run keep` receives by itself: stop `npm start`.',
    ]);
  });

  it('a .env that is wrong, or cannot be read', async () => {
    const [wrong, unreadable] = [temporaryFolder(), temporaryFolder()];
    // What is set in the environment wins.
    writeFileSync(join(wrong, '.env'), 'LOG_FORMAT=wrong\nPORT=99999\n');
    expect(await whyNotStarted({}, wrong)).toEqual(['LOG_FORMAT is "wrong": it takes pretty, summary or json']);
    mkdirSync(join(unreadable, '.env'));
    expect(await whyNotStarted({}, unreadable)).toEqual([expect.stringMatching(/\/\.env is a folder: /)]);
  });
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
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.replace(TIME, '')).toBe(`${join(folder, '.env')} is in UTF-16: save it in UTF-8.\n`);
  });

  it('the registration does not go to production if the server is set under another name', async () => {
    const result = await runProgram('scripts/register', [], {
      RINGCENTRAL_SERVER_URL: 'http://127.0.0.1:1',
      RINGCENTRAL_CLIENT_ID: 'id',
      RINGCENTRAL_CLIENT_SECRET: 'secret',
      RINGCENTRAL_JWT: 'jwt',
      WEBHOOK_ADDRESS: 'http://127.0.0.1:1/webhook',
    });
    const stderr = expect.stringMatching(/^RINGCENTRAL_SERVER_URL is not read: .* RINGCENTRAL_SERVER\.\n$/);
    expect(result).toEqual({ status: 1, stdout: '', stderr });
  });
});
