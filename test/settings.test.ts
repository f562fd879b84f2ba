import { afterEach, expect, it, jest } from '@jest/globals';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment, type Environment } from '../src/env-file.js';
import { Failure } from '../src/errors.js';
import { addressSettings, isLocal, receiverSettings, ringCentralSettings, watchSettings } from '../src/settings.js';
import { itIfNotWindows } from './support/available.js';
import { temporaryFolder } from './support/temporary.js';

const start = process.cwd();
const { isTTY } = process.stdout;
const project = join(__dirname, '../..');
afterEach(() => {
  jest.restoreAllMocks();
  process.chdir(start);
  process.stdout.isTTY = isTTY;
});

/** Goes to a new folder with these files and this environment. Returns its path, as the program sees it. */
function goToFolder(files: Record<string, string> = {}, variables: NodeJS.ProcessEnv = {}): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  process.chdir(folder);
  jest.replaceProperty(process, 'env', variables);
  return folder;
}

it('.env adds to what is set in the environment, which wins, and may be missing', () => {
  goToFolder({ '.env': 'PORT=2\nHOST="::1"\n' }, { PORT: '1' });
  expect(readEnvironment()).toEqual({ PORT: '1', HOST: '::1' });
  expect(process.env).not.toHaveProperty('HOST');
  goToFolder({}, { PORT: '1' });
  expect(readEnvironment()).toEqual({ PORT: '1' });
});

it.each(['', '  ', '""', "''"])('.env wins over %j in the environment, which sets nothing', (nothing) => {
  goToFolder({ '.env': 'RINGCENTRAL_JWT=of.the.file' }, { RINGCENTRAL_JWT: nothing, PORT: nothing });
  expect(readEnvironment()).toEqual({ RINGCENTRAL_JWT: 'of.the.file' });
});

const quoted = ["'a b'", '"a\nb"', '"a#b"', '`a`', ' a ', '"a', "it's", `"a's"`, '"a" b "c"'];
it.each(quoted)('%s is read alike in .env and in the environment', (value) => {
  goToFolder({ '.env': `RINGCENTRAL_PASSWORD=${value}` });
  const fromFile = readEnvironment();
  goToFolder({}, { RINGCENTRAL_PASSWORD: value });
  expect(readEnvironment()).toEqual(fromFile);
});

const utf16 = Buffer.from('\ufeffPORT=2\r\n', 'utf16le');
itIfNotWindows.each<[string, (path: string) => void]>([
  ['cannot be read (EISDIR): make it a file that this user may read.', (path) => mkdirSync(path)],
  ['cannot be read (ELOOP): make it a file that this user may read.', (path) => symlinkSync(path, path)],
  ['is in UTF-16: save it in UTF-8.', (path) => writeFileSync(path, utf16)],
  ['is in UTF-16: save it in UTF-8.', (path) => writeFileSync(path, utf16.subarray(2))],
  ['is in UTF-16: save it in UTF-8.', (path) => writeFileSync(path, Buffer.from(utf16).swap16())],
])('.env is named in full if it %s', (cure, make) => {
  const path = join(goToFolder(), '.env');
  make(path);
  expect(readEnvironment).toThrow(new Failure(`${path} ${cure}`));
});

it.each([
  ['# comment\r\n\r\nRINGCENTRAL_PASSWORD=hidden#part\r\n', 3, 'RINGCENTRAL_PASSWORD'],
  ['PORT=1\rexport WEBHOOK_VERIFICATION_TOKEN = hidden part#of it # comment', 2, 'WEBHOOK_VERIFICATION_TOKEN'],
  ['RINGCENTRAL_CLIENT_SECRET=#hidden', 1, 'RINGCENTRAL_CLIENT_SECRET'],
  ['KEEP_FILE: "hidden#part', 1, 'KEEP_FILE'],
])('.env is named with the line if a # cuts off a value, which is not shown: %j', (content, line, name) => {
  const path = join(goToFolder({ '.env': content }), '.env');
  const said = `${path}, line ${line}: ${name} is only read up to the #. Put its value in quotes.`;
  expect(readEnvironment).toThrow(new Failure(said));
});

it.each([
  ['HOST="a#b"', 'a#b'],
  ["HOST='a'# comment", 'a'],
  ['HOST=a # b#c', 'a'],
  ['#HOST=a#b\nHOST= # comment\nKEEP_FILE= # comment', ''],
  ['OTHER=a#b\nHOST=a', 'a'],
  ['OTHER="\nHOST=b#c"\nHOST=a', 'a'],
  ['\ufeffHOST=a', 'a'],
])('.env may have a # in quotes, in comments, or in what is not ours, and a byte order mark: %j', (content, value) => {
  goToFolder({ '.env': content });
  expect(readEnvironment()).toMatchObject({ HOST: value });
});

it('the receiver has a default for everything', () => {
  const empty = {
    PORT: '',
    HOST: '',
    LOG_FORMAT: '',
    WEBHOOK_VERIFICATION_TOKEN: '',
    WEBHOOK_ADDRESS: '',
    KEEP_FILE: '',
  };
  const token = { verificationToken: undefined };
  const defaults = { port: 8081, host: undefined, ...token, hasAddress: false, keepFile: '.keep.jsonl' };
  for (const env of [{}, empty]) expect(receiverSettings(env)).toEqual({ ...defaults, logFormat: expect.anything() });
});

it('the receiver takes what is set, and HOST=[::1] as ::1', () => {
  const own = {
    WEBHOOK_VERIFICATION_TOKEN: 'token',
    WEBHOOK_ADDRESS: 'https://hook.example.com',
    KEEP_FILE: '/data/k',
  };
  const token = { verificationToken: 'token' };
  const taken = { port: 80, host: '::1', logFormat: 'summary', ...token, hasAddress: true, keepFile: '/data/k' };
  expect(receiverSettings({ PORT: '80', HOST: '[::1]', LOG_FORMAT: 'summary', ...own })).toEqual(taken);
});

it.each([true, false])('events are pretty on a terminal, JSON elsewhere, or as LOG_FORMAT says: %s', (is) => {
  process.stdout.isTTY = is;
  expect(receiverSettings({}).logFormat).toBe(is ? 'pretty' : 'json');
  for (const logFormat of ['pretty', 'summary', 'json'])
    expect(receiverSettings({ LOG_FORMAT: logFormat })).toMatchObject({ logFormat });
});

const derived = (secret: string) => receiverSettings({ RINGCENTRAL_CLIENT_SECRET: secret }).verificationToken;

it('the verification token is the one that is set, or 32 hexadecimal digits derived from the client secret', () => {
  const set = { RINGCENTRAL_CLIENT_SECRET: 's s', WEBHOOK_VERIFICATION_TOKEN: 't' };
  expect(receiverSettings(set).verificationToken).toBe('t');
  expect(derived('secret')).toMatch(/^[\da-f]{32}$/);
  expect(derived('secret')).toBe(derived('secret'));
  expect(derived('secret')).not.toBe(derived('Secret'));
});

it('the verification token is not derived from a secret with the comment that `docker run --env-file` leaves in it', () => {
  expect(() => derived('hidden # of the app')).toThrow(/^RINGCENTRAL_CLIENT_SECRET is cut off(?!.*hidden)/);
});

it.each(['with space', 'é', 'a\nb', 'x'.repeat(256)])('a token that fits no header is not shown: %j', (token) => {
  const said = 'does not fit into a header: use at most 32 letters and digits.';
  const failure = new Failure(`WEBHOOK_VERIFICATION_TOKEN ${said}`);
  expect(() => receiverSettings({ WEBHOOK_VERIFICATION_TOKEN: token })).toThrow(failure);
});

function read(given: Environment = {}) {
  return () => ringCentralSettings(given);
}
const set = { RINGCENTRAL_CLIENT_ID: 'id', RINGCENTRAL_CLIENT_SECRET: 'secret', RINGCENTRAL_JWT: 'j.w.t' };
const { RINGCENTRAL_JWT, ...withoutJwt } = set;
const withExtension = { ...withoutJwt, RINGCENTRAL_EXTENSION: '1' };

it('RingCentral is logged in to with a JWT, at its production server or another, and a token of our own may be set', () => {
  goToFolder();
  const { verificationToken } = receiverSettings(set);
  const app = { clientId: 'id', clientSecret: 'secret', login: { jwt: 'j.w.t' }, overridden: [] };
  const server = 'https://platform.ringcentral.com';
  expect(ringCentralSettings(set)).toEqual({ ...app, server, verificationToken, hasOwnToken: false });
  const own = { RINGCENTRAL_SERVER: 'https://platform.example.biz/path', WEBHOOK_VERIFICATION_TOKEN: 'own' };
  const taken = { server: 'https://platform.example.biz', verificationToken: 'own', hasOwnToken: true };
  expect(ringCentralSettings({ ...set, ...own })).toEqual({ ...app, ...taken });
});

it.each([
  [set, { jwt: 'j.w.t' }],
  [withoutJwt, { username: 'u', password: 'x', extension: '' }],
  [withExtension, { username: 'u', password: 'x', extension: '1' }],
])('RingCentral is logged in to with a password if there is no JWT: %j', (given, login) => {
  const user = { RINGCENTRAL_USERNAME: 'u', RINGCENTRAL_PASSWORD: 'x' };
  expect(ringCentralSettings({ ...given, ...user }).login).toEqual(login);
});

it.each<[NodeJS.ProcessEnv, string[]]>([
  [{ RINGCENTRAL_JWT: 'o.t.her', PORT: '2' }, ['RINGCENTRAL_JWT']],
  [{ RINGCENTRAL_CLIENT_ID: 'x', RINGCENTRAL_CLIENT_SECRET: "'secret'" }, ['RINGCENTRAL_CLIENT_ID']],
  [{ RINGCENTRAL_JWT: '', RINGCENTRAL_PASSWORD: 'password' }, []],
  [{ RINGCENTRAL_SERVER: 'https://platform.example.biz' }, []],
  [{ RINGCENTRAL_USERNAME: 'user', RINGCENTRAL_PASSWORD: 'other' }, ['RINGCENTRAL_PASSWORD']],
])('names what the environment sets to another value than .env: %j', (variables, names) => {
  // A password counts if there is no JWT.
  const login = variables['RINGCENTRAL_USERNAME'] ? withoutJwt : set;
  const file = { ...login, RINGCENTRAL_PASSWORD: 'password', RINGCENTRAL_SERVER: '', PORT: '1' };
  const lines = Object.entries(file).map(([name, value]) => `${name}="${value}"\n`);
  goToFolder({ '.env': lines.join('') }, variables);
  expect(ringCentralSettings(readEnvironment()).overridden).toEqual(names);
});

it.each(Object.keys(set))('refuses a space or a quote in %s, without showing it', (name) => {
  const said = new RegExp(`^${name} is cut off, or has a space or a quote in it(?!.*pasted)`, 's');
  for (const value of ['pasted value', '“pasted”', 'pasted\n', '"pasted'])
    expect(read({ ...set, [name]: value })).toThrow(said);
});

it.each(['hidden', 'hidden.part', 'hidden.part.', 'h.idden.h.idden.h.idden'])('refuses %s for a JWT', (jwt) => {
  const said = 'RINGCENTRAL_JWT is cut off, or has a space or a quote in it: it is one line, copy it again.';
  expect(read({ ...set, RINGCENTRAL_JWT: jwt })).toThrow(new Failure(said));
});

const file = (name = '.env') => join(process.cwd(), name);
const [app, jwt] = ['The page of your app .*/new-app\\?.*', 'The JWT is yours: .*Create JWT\\.'];
it.each<[string, Environment, string, string[]]>([
  ['all of it', {}, 'RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT', [app, jwt]],
  ['the JWT', withoutJwt, 'RINGCENTRAL_JWT', [jwt]],
  ['the app', { RINGCENTRAL_JWT }, 'RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET', [app]],
  ['the password', { ...withoutJwt, RINGCENTRAL_USERNAME: 'user' }, 'RINGCENTRAL_PASSWORD', []],
])('what is missing is named and explained, with where to set it: %s', (_, given, names, explained) => {
  goToFolder({ '.env.example': '' });
  const said = (where: string) => new RegExp(`^${[`Not set: ${names}\\. ${where}`, ...explained].join('\n')}$`);
  expect(read(given)).toThrow(said('There is no .*: copy \\.env\\.example to it, and fill it in\\.'));
  writeFileSync('.env', '');
  expect(read(given)).toThrow(said('Fill in .*\\.env\\.'));
});

it.each(['.env.txt', 'env', 'env.txt'])('%s is to be renamed if settings are missing', (name) => {
  goToFolder({ [name]: '', '.env.example': '' });
  expect(read()).toThrow(`. There is no ${file()}: rename ${file(name)} to .env.\n`);
});

it('elsewhere it says to start in the folder of the program, and to rename no folder', () => {
  goToFolder();
  mkdirSync('env');
  expect(read()).toThrow(`. There is no ${file()}: start this in ${project}.\n`);
});

it('the folder of the program is known without .env.example', () => {
  const folder = goToFolder();
  cpSync(join(__dirname, '../src'), join(folder, 'dist/src'), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const copied: typeof import('../src/settings.js') = require(join(folder, 'dist/src/settings.js'));
  expect(() => copied.ringCentralSettings({})).toThrow(/: copy \.env\.example to it/);
});

it.each([
  ['RINGCENTRAL_CLIENT_ID', ['RC_CLIENT_ID', 'RC_APP_CLIENT_ID', 'client_id', 'clientId']],
  ['RINGCENTRAL_CLIENT_SECRET', ['RC_APP_CLIENT_SECRET', 'CLIENT_SECRET', 'RingCentral_Client_Secret']],
  ['RINGCENTRAL_JWT', ['RINGCENTRAL_JWT_TOKEN', 'RC_JWT', 'RC_USER_JWT', 'RINGCENTRAL_JWT_ASSERTION', 'jwt']],
  ['RINGCENTRAL_SERVER', ['RINGCENTRAL_SERVER_URL', 'RC_SERVER_URL', 'rc_server']],
])('names what is set instead of %s', (name, others) => {
  const { [name]: _, ...rest }: Environment = set;
  for (const other of others)
    expect(read({ ...rest, [other]: 'hidden' })).toThrow(
      new RegExp(`^(Not set: ${name}\\. .*\n)?${other} is not read: here it is called ${name}\\.$`),
    );
});

it('says nothing of other names if ours are set, or if they are empty', () => {
  const others = { RC_SERVER_URL: '', RC_CLIENT_ID: 'x', jwt: 'x', SERVER_URL: 'https://example.com' };
  expect(ringCentralSettings({ ...set, ...others })).toMatchObject({ clientId: 'id', login: { jwt: 'j.w.t' } });
});

it.each([
  ['https://hook.example.com#part', 'https://hook.example.com/webhook'],
  ['https://hook.example.com', 'https://hook.example.com/webhook'],
  ['https://hook.example.com/', 'https://hook.example.com/webhook'],
  ['https://hook.example.com/hooks/rc', 'https://hook.example.com/hooks/rc'],
])('the delivery address %s leads to %s, and is taken from the command line first', (given, address) => {
  expect(addressSettings({ WEBHOOK_ADDRESS: given })).toMatchObject({ address });
  expect(addressSettings({ WEBHOOK_ADDRESS: 'wrong' }, given)).toMatchObject({ address });
});

it.each([
  ['https://user@hook.example.com', /^--address takes a URL without user name and password$/],
  ['https://user:hidden@hook.example.com', /^--address takes a URL without user name and password$/],
  ['x', /^--address is "x": it takes a URL/],
  ['', /^--address is ""/],
])('an address of the command line is named if it is wrong: %j', (given, said) => {
  expect(() => addressSettings({ WEBHOOK_ADDRESS: 'wrong' }, given)).toThrow(said);
});

it('the delivery address is asked of ngrok and cloudflared otherwise, at their usual ports or where it is set', () => {
  expect(addressSettings({})).toEqual({
    port: 8081,
    address: undefined,
    ngrokApiUrls: ['http://127.0.0.1:4040', 'http://127.0.0.1:4041'],
    cloudflaredApiUrls: [20241, 20242, 20243, 20244, 20245].map((each) => `http://127.0.0.1:${each}`),
    isServerLocal: false,
  });
  const set = { NGROK_API_URL: 'http://localhost:5050/', CLOUDFLARED_API_URL: 'http://localhost:6060/metrics' };
  const urls = { ngrokApiUrls: ['http://localhost:5050'], cloudflaredApiUrls: ['http://localhost:6060'] };
  expect(addressSettings(set)).toMatchObject(urls);
});

it('the delivery address may be on this machine if RingCentral is, as in the demo', () => {
  expect(addressSettings({ RINGCENTRAL_SERVER: 'http://127.0.0.1:9' }).isServerLocal).toBe(true);
});

const local =
  'localhost a.localhost nas.local x.internal 127.0.0.1 127.1 2130706433 10.1.2.3 192.168.0.7 172.16.0.1 172.31.9.9 ' +
  '169.254.1.1 0.0.0.0 [::] [::1] [fd00::7] [fe80::1]';
const notLocal =
  '10.example.com 127.0.0.1.example.com local internal.example.com 172.15.0.1 172.32.0.1 192.169.0.1 11.0.0.1 ' +
  '[2001:db8::1] fd00.example.com';
it('an address is local if RingCentral cannot reach the host in it', () => {
  const reached = `${local} ${notLocal}`.split(' ').filter((host) => !isLocal(`http://${host}:8081/webhook`));
  expect(reached).toEqual(notLocal.split(' '));
});

it.each<[Environment, ReturnType<typeof watchSettings>]>([
  [{ WEBHOOK_EXTENSIONS: '' }, { eventFilters: ['/restapi/v1.0/account/~/extension/~/voicemail'] }],
  [{ WEBHOOK_EVENT_FILTERS: '/restapi/a , /restapi/b' }, { eventFilters: ['/restapi/a', '/restapi/b'] }],
  [{ WEBHOOK_EXTENSIONS: '101, 102,0103,101' }, { extensions: ['101', '102', '0103'] }],
  [{ WEBHOOK_EXTENSIONS: 'All' }, { extensions: 'all' }],
])('with %j, what is watched is %j', (set, expected) => {
  expect(watchSettings(set)).toEqual(expected);
});

it('either extensions or event filters are watched', () => {
  const both = { WEBHOOK_EXTENSIONS: '101', WEBHOOK_EVENT_FILTERS: '/restapi/a' };
  expect(() => watchSettings(both)).toThrow('Set WEBHOOK_EXTENSIONS or WEBHOOK_EVENT_FILTERS, not both.');
});

it.each([
  ['PORT', 'a port number, 0 to 65535', ['80a', '65536', '-1', '8081.5', ' 80', '1e3']],
  ['LOG_FORMAT', 'pretty, summary or json', ['xml']],
  ['WEBHOOK_ADDRESS', 'a URL, such as https://hook.example.com/webhook', ['hook.example.com', 'https://hook example']],
  ['NGROK_API_URL', 'a URL, such as http://127.0.0.1:4040', ['localhost:5050']],
  ['CLOUDFLARED_API_URL', 'a URL, such as http://127.0.0.1:20241', ['20241']],
  ['RINGCENTRAL_SERVER', 'a URL, such as https://platform.ringcentral.com', ['x', 'ftp://x', 'https://u:hidden@x:y']],
  [
    'WEBHOOK_EVENT_FILTERS',
    'event filters that start with /restapi/, separated by commas',
    [',/restapi/a', '/restapi/ b'],
  ],
  ['WEBHOOK_EXTENSIONS', 'extension numbers, separated by commas, or all', ['101 102', '101,', 'all,101', '+1866']],
])('a wrong %s is refused: it takes %s', (name, takes, values) => {
  for (const value of values) {
    const failure = new Failure(`${name} is ${JSON.stringify(value.replace('u:hidden@', ''))}: it takes ${takes}`);
    const read = () => [receiverSettings, addressSettings, watchSettings].map((each) => each({ [name]: value }));
    expect(read).toThrow(failure);
  }
});
