import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { apiError, CREDENTIALS, PASSWORD_CREDENTIALS } from '../../scripts/fake/platform.js';
import { closeAll, serve, startPlatform, startReceiver, TOKEN } from '../support/in-process.js';
import { endPrograms, program, Receiver, run, runProgram, Transcript } from '../support/programs.js';
import { DEAD } from '../support/ringcentral.js';

afterEach(async () => {
  await endPrograms();
  await closeAll();
});

it('lets no secret into the output of any program, whatever fails', async () => {
  const [platform, receiver] = await Promise.all([startPlatform(), startReceiver()]);
  const platforms = [platform];
  const settings = { ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url, WEBHOOK_ADDRESS: receiver.url };
  const OWN_TOKEN = 'TokenOfMyOwn';
  const URL_PASSWORD = 'Password-in-a-URL';
  const [CUT_OFF, ODD_TOKEN] = ['Cut-off.JWT', 'A-token\nof-two-lines'];
  const ownToken = { WEBHOOK_VERIFICATION_TOKEN: OWN_TOKEN };
  const withPassword = platform.url.replace('//', `//user:${URL_PASSWORD}@`);
  const password = { ...PASSWORD_CREDENTIALS, RINGCENTRAL_JWT: '' };
  platform.transcribe(platform.store().id, 'Call me back.');
  /** A platform that repeats a secret, or the access token, as it refuses the login or what follows. */
  const repeating = async (secret: string, path = /./, method = 'POST') => {
    const repeater = await startPlatform();
    platforms.push(repeater);
    repeater.store();
    repeater.onRequest = () => {
      if (!secret && repeater.accessTokens.length === 0) return;
      const message = `${secret || repeater.accessTokens.join()} is not what it should be`;
      repeater.fail(method, path, apiError(400, 'CMN-999', message));
    };
    return { RINGCENTRAL_SERVER: repeater.url };
  };
  const odd = await startPlatform();
  odd.fail('POST', /token$/, { status: 200, body: { access_token: ODD_TOKEN } });
  const redirecting = await serve((_req, res) => {
    res.writeHead(302, { Location: `https://user:${URL_PASSWORD}@hook.example.com/` }).end();
  });

  const runs: [string, Record<string, string>][] = [
    ['register', {}],
    ['register --list', password],
    ['register', ownToken],
    ['register --no-check', ownToken],
    ['register', { WEBHOOK_VERIFICATION_TOKEN: `${OWN_TOKEN} too` }],
    ['register', await repeating('', /subscription$/)],
    ['register', await repeating(CREDENTIALS.RINGCENTRAL_CLIENT_SECRET)],
    ['register', await repeating(TOKEN, /subscription$/)],
    ['register --no-check', { ...ownToken, ...(await repeating(OWN_TOKEN, /subscription$/)) }],
    ['register --list', { ...password, ...(await repeating(PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD)) }],
    ['register', await repeating(CREDENTIALS.RINGCENTRAL_JWT)],
    ['register --list', { RINGCENTRAL_SERVER: withPassword }],
    [`register --address ${withPassword}`, {}],
    [`register --address ${withPassword.replace('http://', '')}`, {}],
    [`register --address ${redirecting}`, {}],
    ['register', { RINGCENTRAL_SERVER: `ftp://user:${URL_PASSWORD}@example.com` }],
    ['register', { WEBHOOK_ADDRESS: '', NGROK_API_URL: DEAD.replace('//', `//u:${URL_PASSWORD}@`) }],
    ['register', { RINGCENTRAL_JWT: `${CREDENTIALS.RINGCENTRAL_JWT} ` }],
    ['register', { npm_config_address: withPassword }],
    ['register', { RINGCENTRAL_JWT: CUT_OFF }],
    ['register --list', { RINGCENTRAL_SERVER: odd.url }],
    ['catch-up', await repeating('', /message-store$/, 'GET')],
    ['catch-up --transcripts', { WEBHOOK_EXTENSIONS: 'all' }],
    ['catch-up --recordings new', {}],
    ['catch-up --recordings new', await repeating('', /content/, 'GET')],
  ];
  const output: string[] = [];
  const ended = runs.map(async ([command, env]) => {
    const [name, ...args] = command.split(' ');
    const { stdout, stderr } = await runProgram(`scripts/${name}`, args, { ...settings, ...env });
    output.push(stdout, stderr);
  });
  const own = await Receiver.start({ ...settings, ...ownToken });
  await own.post({ event: 'e' }, { 'Verification-Token': TOKEN });
  await own.post({ event: 'e' }, { 'Verification-Token': OWN_TOKEN });
  const keepEnv = { ...settings, PORT: '0', ...(await repeating('', /message-store$/, 'GET')) };
  const keep = run(process.execPath, [program('scripts/keep'), '--every', '1s'], keepEnv);
  const kept = [new Transcript(keep.stderr), new Transcript(keep.stdout)];
  await kept[0]?.match(/CMN-999/);
  keep.kill();
  await Promise.all([...ended, own.end('SIGTERM'), once(keep, 'close')]);
  output.push(...kept.map(({ text }) => text));
  output.push(own.stdout.text, own.stderr.text);
  const secrets = [
    CREDENTIALS.RINGCENTRAL_CLIENT_SECRET,
    CREDENTIALS.RINGCENTRAL_JWT,
    PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD,
    TOKEN,
    OWN_TOKEN,
    URL_PASSWORD,
    CUT_OFF,
    ...ODD_TOKEN.split('\n'),
    ...platforms.flatMap(({ accessTokens }) => accessTokens),
  ];
  const leaks = secrets.filter((secret) => output.some((text) => text.includes(secret)));
  expect(leaks).toEqual([]);
  expect(receiver.said.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
  // Each has said something: nothing was looked for in vain.
  expect(output.filter(Boolean).length).toBeGreaterThan(runs.length);
  expect(output.filter((text) => /^ +at /m.test(text))).toEqual([]);
});
