import { apiError, CREDENTIALS, PASSWORD_CREDENTIALS, voicemail } from '../../scripts/stand-in/platform.js';
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
  const ownToken = { ...settings, WEBHOOK_VERIFICATION_TOKEN: OWN_TOKEN };
  const withPassword = platform.url.replace('//', `//user:${URL_PASSWORD}@`);
  const password = { ...settings, ...PASSWORD_CREDENTIALS, RINGCENTRAL_JWT: '' };
  platform.transcripts.set('7', 'Call me back.');
  const uri = `${platform.url}/restapi/v1.0/account/~/extension/~/message-store/1/content/7`;
  const attachments = [{ id: 7, type: 'AudioTranscription', uri } as const];
  platform.messages.push(voicemail({ vmTranscriptionStatus: 'Completed', attachments }));
  /** A platform that repeats a secret, or the access token, as it refuses the login or what follows. */
  const repeating = async (secret: string, path = /./, method = 'POST') => {
    const repeater = await startPlatform();
    platforms.push(repeater);
    repeater.onRequest = () => {
      const message = `${secret || repeater.accessTokens.join()} is not what it should be`;
      repeater.fail(method, path, apiError(400, 'CMN-999', message));
    };
    return { RINGCENTRAL_SERVER: repeater.url };
  };
  const redirecting = await serve((_req, res) => {
    res.writeHead(302, { Location: `https://user:${URL_PASSWORD}@hook.example.com/` }).end();
  });

  const runs: [string, string[], Record<string, string>][] = [
    ['scripts/register', [], settings],
    ['scripts/register', ['--list'], password],
    ['scripts/register', [], ownToken],
    ['scripts/register', ['--no-check'], ownToken],
    ['scripts/register', [], { ...settings, WEBHOOK_VERIFICATION_TOKEN: `${OWN_TOKEN} too` }],
    ['scripts/register', [], { ...settings, ...(await repeating('', /subscription$/)) }],
    ['scripts/register', [], { ...settings, ...(await repeating(CREDENTIALS.RINGCENTRAL_CLIENT_SECRET)) }],
    ['scripts/register', [], { ...settings, ...(await repeating(TOKEN, /subscription$/)) }],
    ['scripts/register', ['--no-check'], { ...ownToken, ...(await repeating(OWN_TOKEN, /subscription$/)) }],
    ['scripts/register', ['--list'], { ...password, ...(await repeating(PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD)) }],
    ['scripts/catch-up', [], { ...settings, ...(await repeating('', /message-store$/, 'GET')) }],
    ['scripts/keep', [], { ...settings, ...(await repeating(CREDENTIALS.RINGCENTRAL_JWT)) }],
    ['scripts/register', ['--list'], { ...settings, RINGCENTRAL_SERVER: withPassword }],
    ['scripts/register', ['--address', withPassword], settings],
    ['scripts/register', ['--address', withPassword.replace('http://', '')], settings],
    ['scripts/register', ['--address', redirecting], settings],
    ['scripts/register', [], { ...settings, RINGCENTRAL_SERVER: `ftp://user:${URL_PASSWORD}@example.com` }],
    [
      'scripts/register',
      [],
      { ...settings, WEBHOOK_ADDRESS: '', NGROK_API_URL: DEAD.replace('//', `//u:${URL_PASSWORD}@`) },
    ],
    ['scripts/register', [], { ...settings, RINGCENTRAL_JWT: `${CREDENTIALS.RINGCENTRAL_JWT} ` }],
    ['scripts/register', [], { npm_config_address: withPassword, ...settings }],
    ['scripts/catch-up', ['--transcripts'], settings],
  ];
  const output: string[] = [];
  const ended = runs.map(async ([name, args, env]) => {
    const { stdout, stderr } = await runProgram(name, args, env);
    output.push(stdout, stderr);
  });
  // Those that do not end by themselves.
  const [own, kept] = [await Receiver.start(ownToken), keeping()];
  await own.post({ event: 'e' }, { 'Verification-Token': TOKEN });
  await own.post({ event: 'e' }, { 'Verification-Token': OWN_TOKEN });
  await Promise.all([...ended, own.end('SIGTERM'), kept]);
  output.push(own.stdout.text, own.stderr.text);

  async function keeping(): Promise<void> {
    const child = run(process.execPath, [program('scripts/keep'), '--every', '1s'], settings);
    const [stdout, stderr] = [new Transcript(child.stdout), new Transcript(child.stderr)];
    await stderr.match(/Subscribed/);
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await closed;
    output.push(stdout.text, stderr.text);
  }
  const secrets = [
    CREDENTIALS.RINGCENTRAL_CLIENT_SECRET,
    CREDENTIALS.RINGCENTRAL_JWT,
    PASSWORD_CREDENTIALS.RINGCENTRAL_PASSWORD,
    TOKEN,
    OWN_TOKEN,
    URL_PASSWORD,
    ...platforms.flatMap(({ accessTokens }) => accessTokens),
  ];
  const leaks = secrets.filter((secret) => output.some((text) => text.includes(secret)));
  expect([leaks, receiver.said.filter((line) => secrets.some((secret) => line.includes(secret)))]).toEqual([[], []]);
  // Each has said something: nothing was looked for in vain.
  expect(output.filter(Boolean).length).toBeGreaterThan(runs.length);
  expect(output.filter((text) => /^ +at /m.test(text))).toEqual([]);
});
