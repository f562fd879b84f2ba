import { afterEach, expect, it } from '@jest/globals';
import { CREDENTIALS } from '../../scripts/fake/platform.js';
import { closeAll, serve, startPlatform, startReceiver } from '../support/in-process.js';
import { endPrograms, runProgram } from '../support/programs.js';
import { earlier } from '../support/ringcentral.js';

afterEach(async () => {
  await endPrograms();
  await closeAll();
});

/** Registers an address that has a working subscription. */
async function registerAgain(address: string) {
  const platform = await startPlatform();
  const before = [earlier(address)];
  platform.subscriptions = [...before];
  const env = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: address };
  return { platform, before, ended: await runProgram('scripts/register', [], env) };
}

it('creates and deletes nothing, and asks RingCentral nothing, if the address does not pass', async () => {
  const { address } = await startReceiver('another-token');
  const { platform, before, ended } = await registerAgain(address);
  const stderr = expect.stringMatching(/^\S+ expects another .* Restart the/);
  expect(ended).toEqual({ status: 1, stdout: '', stderr });
  expect(platform.requests).toEqual([]);
  expect(platform.subscriptions).toEqual(before);
});

it('goes on with a warning if the receiver there checks no origin', async () => {
  const url = await serve((req, res) => {
    res
      .setHeader('Content-Type', 'application/json')
      .setHeader('Validation-Token', String(req.headers['validation-token']));
    res.end();
  });
  const { platform, before, ended } = await registerAgain(`${url}/webhook`);
  const stderr = expect.stringMatching(/^The receiver at \S+ takes .* from anyone/m);
  expect(ended).toMatchObject({ status: 0, stderr });
  expect(platform.subscriptions).toHaveLength(1);
  expect(platform.subscriptions).not.toEqual(before);
});
