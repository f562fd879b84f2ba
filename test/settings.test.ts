import { afterEach, describe, expect, it } from '@jest/globals';
import { cpSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  addressSettings,
  deliveryAddress,
  isLocal,
  keepFile,
  logFormat,
  missingEnvFile,
  readEnvironment,
  receiverSettings,
  ringCentralSettings,
  verificationToken,
  watched,
  type Environment,
} from '../src/settings.js';
import { Failure } from '../src/errors.js';
import { temporaryFolder } from './support/temporary.js';

const { env } = process;
const start = process.cwd();
const project = join(__dirname, '../..');
afterEach(() => {
  process.env = env;
  process.chdir(start);
});

/** Goes to a new folder with these files and this environment. Returns its path, as the program sees it. */
function goToFolder(files: Record<string, string | Buffer> = {}, variables: NodeJS.ProcessEnv = {}): string {
  const folder = realpathSync(temporaryFolder());
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  process.chdir(folder);
  process.env = variables;
  return folder;
}

/** What a call says is wrong. */
function failure(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  throw new Error('Nothing is wrong');
}

describe('.env', () => {
  it('adds to what is set in the environment, which wins', () => {
    goToFolder({ '.env': 'PORT=2\nHOST="::1"\n' }, { PORT: '1' });
    expect(readEnvironment()).toEqual({ PORT: '1', HOST: '::1' });
    expect(process.env).not.toHaveProperty('HOST');
    expect(missingEnvFile()).toBeUndefined();
  });

  it.each(['', '  ', '""', "''"])('wins over %j in the environment, which sets nothing', (nothing) => {
    goToFolder({ '.env': 'RINGCENTRAL_JWT=of.the.file' }, { RINGCENTRAL_JWT: nothing, PORT: nothing });
    expect(readEnvironment()).toEqual({ RINGCENTRAL_JWT: 'of.the.file' });
  });

  it.each(["'a b'", '"a\nb"', '"a#b"', '`a`', ' a ', '"a', "it's", `"a's"`, '"a" b "c"'])(
    '%s is read alike in it and in the environment',
    (value) => {
      goToFolder({ '.env': `RINGCENTRAL_PASSWORD=${value}` });
      const fromFile = readEnvironment();
      goToFolder({}, { RINGCENTRAL_PASSWORD: value });
      expect(readEnvironment()).toEqual(fromFile);
    },
  );

  it('may be missing, and then the path where it was looked for is known', () => {
    const folder = goToFolder({}, { PORT: '1' });
    expect(readEnvironment()).toEqual({ PORT: '1' });
    expect(missingEnvFile()).toBe(join(folder, '.env'));
  });

  const utf16 = Buffer.from('\ufeffPORT=2\r\n', 'utf16le');
  it.each<[string, (path: string) => void]>([
    ['is a folder: rename it, and copy .env.example to .env.', (path) => mkdirSync(path)],
    ['cannot be read (ELOOP): make it a file that the user who runs this may read.', (path) => symlinkSync(path, path)],
    ['is in UTF-16: save it in UTF-8.', (path) => writeFileSync(path, utf16)],
    ['is in UTF-16: save it in UTF-8.', (path) => writeFileSync(path, utf16.subarray(2))],
    ['is in UTF-16: save it in UTF-8.', (path) => writeFileSync(path, Buffer.from(utf16).swap16())],
  ])('is named in full if it %s', (cure, make) => {
    const path = join(goToFolder(), '.env');
    make(path);
    expect(failure(readEnvironment)).toBe(`${path} ${cure}`);
  });

  it.each([
    ['# comment\r\n\r\nRINGCENTRAL_PASSWORD=hidden#part\r\n', 3, 'RINGCENTRAL_PASSWORD'],
    ['PORT=1\rexport WEBHOOK_VERIFICATION_TOKEN = hidden part#of it # comment', 2, 'WEBHOOK_VERIFICATION_TOKEN'],
    ['RINGCENTRAL_CLIENT_SECRET=#hidden', 1, 'RINGCENTRAL_CLIENT_SECRET'],
    ['KEEP_FILE: "hidden#part', 1, 'KEEP_FILE'],
  ])('is named with the line if a # cuts off a value, which is not shown: %j', (content, line, name) => {
    const folder = goToFolder({ '.env': content });
    expect(failure(readEnvironment)).toBe(
      `${join(folder, '.env')}, line ${line}: ${name} is only read up to the #. ` +
        'Put the value in quotes, or a space before a comment.',
    );
  });

  it.each([
    ['HOST="a#b"', 'a#b'],
    ["HOST='a'# comment", 'a'],
    ['HOST=a # b#c', 'a'],
    ['#HOST=a#b\nHOST= # comment', ''],
    ['OTHER=a#b\nHOST=a', 'a'],
    ['OTHER="\nHOST=b#c"\nHOST=a', 'a'],
    ['\ufeffHOST=a', 'a'],
  ])('may have a # in quotes, in comments, or in what is not ours, and a byte order mark: %j', (content, value) => {
    goToFolder({ '.env': content });
    expect(readEnvironment()).toMatchObject({ HOST: value });
  });
});

describe('the receiver', () => {
  it('has a default for everything', () => {
    const empty = { PORT: '', HOST: '', LOG_FORMAT: '', WEBHOOK_VERIFICATION_TOKEN: '', WEBHOOK_ADDRESS: '' };
    const defaults = { port: 8081, host: undefined, verificationToken: undefined, hasAddress: false };
    for (const env of [{}, empty]) expect(receiverSettings(env)).toEqual({ ...defaults, logFormat: logFormat({}) });
  });

  it('takes what is set, and HOST=[::1] as ::1', () => {
    const own = { WEBHOOK_VERIFICATION_TOKEN: 'token', WEBHOOK_ADDRESS: 'https://hook.example.com' };
    const taken = { port: 80, host: '::1', logFormat: 'summary', verificationToken: 'token', hasAddress: true };
    expect(receiverSettings({ PORT: '80', HOST: '[::1]', LOG_FORMAT: 'summary', ...own })).toEqual(taken);
  });

  it('shows events pretty on a terminal and as JSON elsewhere, unless LOG_FORMAT says otherwise', () => {
    const { isTTY } = process.stdout;
    try {
      for (const isTerminal of [true, false]) {
        process.stdout.isTTY = isTerminal;
        expect(logFormat({})).toBe(isTerminal ? 'pretty' : 'json');
        for (const format of ['pretty', 'summary', 'json']) expect(logFormat({ LOG_FORMAT: format })).toBe(format);
      }
    } finally {
      process.stdout.isTTY = isTTY;
    }
  });
});

it('keep remembers in .keep.jsonl, or in KEEP_FILE', () => {
  expect(keepFile({ KEEP_FILE: '' })).toBe('.keep.jsonl');
  expect(keepFile({ KEEP_FILE: '/data/keep.jsonl' })).toBe('/data/keep.jsonl');
});

describe('the verification token', () => {
  it('is 32 hexadecimal digits derived from the client secret, without giving it away', () => {
    const token = verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'secret' });
    expect(token).toMatch(/^[\da-f]{32}$/);
    expect(token).toBe(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'secret' }));
    expect(token).not.toBe(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'Secret' }));
  });

  it('is the one that is set, if there is one', () => {
    expect(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 's s', WEBHOOK_VERIFICATION_TOKEN: 't' })).toBe('t');
  });

  it('is not derived from a secret with the comment that `docker run --env-file` leaves in it', () => {
    expect(failure(() => verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'hidden # of the app' }))).toMatch(
      /^RINGCENTRAL_CLIENT_SECRET has a character that RingCentral never uses(?!.*hidden)/,
    );
  });

  it.each(['with space', 'é', 'a\nb', 'x'.repeat(256)])('must fit into a header, and is not shown: %j', (token) => {
    expect(failure(() => verificationToken({ WEBHOOK_VERIFICATION_TOKEN: token }))).toBe(
      'WEBHOOK_VERIFICATION_TOKEN is too long, or no header can hold it: use at most 32 letters and digits.',
    );
  });
});

describe('RingCentral', () => {
  const set = { RINGCENTRAL_CLIENT_ID: 'id', RINGCENTRAL_CLIENT_SECRET: 'secret', RINGCENTRAL_JWT: 'j.w.t' };
  const { RINGCENTRAL_JWT, ...withoutJwt } = set;
  const refusal = (given: Environment) => failure(() => ringCentralSettings(given));

  it('is logged in to with a JWT, at its production server', () => {
    goToFolder();
    expect(ringCentralSettings(set)).toEqual({
      server: 'https://platform.ringcentral.com',
      clientId: 'id',
      clientSecret: 'secret',
      login: { jwt: 'j.w.t' },
      verificationToken: verificationToken(set),
      hasOwnToken: false,
      overridden: [],
    });
  });

  it('may be another server, and the verification token one of our own', () => {
    const own = { RINGCENTRAL_SERVER: 'https://platform.example.biz/path', WEBHOOK_VERIFICATION_TOKEN: 'own' };
    const taken = { server: 'https://platform.example.biz', verificationToken: 'own', hasOwnToken: true };
    expect(ringCentralSettings({ ...set, ...own })).toMatchObject(taken);
  });

  it('is logged in to with a password if there is no JWT', () => {
    const password: Environment = { ...set, RINGCENTRAL_USERNAME: 'user', RINGCENTRAL_PASSWORD: 'password' };
    expect(ringCentralSettings(password)).toMatchObject({ login: { jwt: 'j.w.t' } });
    delete password['RINGCENTRAL_JWT'];
    expect(ringCentralSettings(password).login).toEqual({ username: 'user', password: 'password' });
    password['RINGCENTRAL_EXTENSION'] = '101';
    expect(ringCentralSettings(password).login).toEqual({ username: 'user', password: 'password', extension: '101' });
  });

  it.each<[NodeJS.ProcessEnv, string[]]>([
    [{ RINGCENTRAL_JWT: 'o.t.her', PORT: '2' }, ['RINGCENTRAL_JWT']],
    [{ RINGCENTRAL_CLIENT_ID: 'x', RINGCENTRAL_CLIENT_SECRET: "'secret'" }, ['RINGCENTRAL_CLIENT_ID']],
    [{ RINGCENTRAL_JWT: '', RINGCENTRAL_PASSWORD: 'of no use beside a JWT' }, []],
    [{ RINGCENTRAL_SERVER: 'https://platform.example.biz' }, []],
  ])('names what the environment sets to another value than .env: %j', (variables, names) => {
    const file = { ...set, RINGCENTRAL_PASSWORD: 'password', PORT: '1' };
    const lines = Object.entries(file).map(([name, value]) => `${name}="${value}"\n`);
    goToFolder({ '.env': lines.join('') }, variables);
    expect(ringCentralSettings(readEnvironment()).overridden).toEqual(names);
  });

  it('names the password that the environment sets to another value, if there is no JWT', () => {
    const user = { RINGCENTRAL_USERNAME: 'user', RINGCENTRAL_PASSWORD: 'other' };
    goToFolder({ '.env': 'RINGCENTRAL_PASSWORD=password' }, { ...withoutJwt, ...user });
    expect(ringCentralSettings(readEnvironment()).overridden).toEqual(['RINGCENTRAL_PASSWORD']);
  });

  it.each(['RINGCENTRAL_CLIENT_ID', 'RINGCENTRAL_CLIENT_SECRET', 'RINGCENTRAL_JWT'])(
    'refuses a space or a quote in %s, without showing it',
    (name) => {
      for (const value of ['pasted value', '“pasted”', 'pasted\n', '"pasted']) {
        const message = refusal({ ...set, [name]: value });
        expect(message).toMatch(new RegExp(`^${name} has a character that RingCentral never uses`));
        expect(message).not.toMatch(/pasted/);
      }
    },
  );

  it.each(['hidden', 'hidden.part', 'hidden.part.', 'h.idden.h.idden.h.idden'])('refuses %s for a JWT', (jwt) => {
    expect(refusal({ ...set, RINGCENTRAL_JWT: jwt })).toBe(
      'RINGCENTRAL_JWT is no JWT, or cut off: it is one line of three parts, joined by dots. Copy it again.',
    );
  });

  describe('if something is missing', () => {
    const app = expect.stringMatching(/developers\.ringcentral\.com\/new-app/);
    const jwt = expect.stringMatching(/Create JWT/);

    it('names and explains all of it', () => {
      const folder = goToFolder({ '.env.example': '' });
      const [first, ...explained] = refusal({}).split('\n');
      expect(first).toBe(
        'Not set: RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT. ' +
          `There is no ${join(folder, '.env')}: copy .env.example to it, and fill it in.`,
      );
      expect(explained).toEqual([app, jwt]);
    });

    it('explains only what is missing, and suggests no copy over a .env that is there', () => {
      const folder = goToFolder({ '.env': 'RINGCENTRAL_CLIENT_ID=pasted' });
      const [first, ...explained] = refusal(withoutJwt).split('\n');
      expect(first).toBe(`Not set: RINGCENTRAL_JWT. Go to ${join(folder, '.env')}, and fill it in.`);
      expect(explained).toEqual([jwt]);
      const [, ...others] = refusal({ RINGCENTRAL_JWT }).split('\n');
      expect(others).toEqual([app]);
    });

    it('names the password of a user name that is set', () => {
      expect(refusal({ ...withoutJwt, RINGCENTRAL_USERNAME: 'user' })).toMatch(/^Not set: RINGCENTRAL_PASSWORD\./);
    });

    it.each(['.env.txt', 'env', 'env.txt'])('says to rename %s', (name) => {
      const folder = goToFolder({ [name]: '', '.env.example': '' });
      expect(refusal({})).toContain(`. There is no ${join(folder, '.env')}: rename ${join(folder, name)} to .env.\n`);
    });

    it('says to start in the folder of the program, and to rename no folder', () => {
      const folder = goToFolder();
      mkdirSync('env');
      expect(refusal({})).toContain(`. There is no ${join(folder, '.env')}: start it in ${project}.\n`);
    });

    it('knows the folder of the program without .env.example', () => {
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
    ])('says that others are not read for %s', (name, others) => {
      const { [name]: _, ...rest }: Environment = set;
      for (const other of others)
        expect(refusal({ ...rest, [other]: 'hidden' })).toMatch(
          new RegExp(`^(Not set: ${name}\\. .*\n)?${other} is not read: here it is called ${name}\\.$`),
        );
    });

    it('says nothing of other names if ours are set, or if they are empty', () => {
      const others = { RC_SERVER_URL: '', RC_CLIENT_ID: 'x', jwt: 'x', SERVER_URL: 'https://example.com' };
      expect(ringCentralSettings({ ...set, ...others })).toMatchObject({ clientId: 'id', login: { jwt: 'j.w.t' } });
    });
  });
});

describe('the delivery address', () => {
  it('takes no user name and password', () => {
    const message = failure(() => deliveryAddress('https://user:hidden@hook.example.com', '--address'));
    expect(message).toBe('--address takes a URL without user name and password');
  });

  it.each([
    ['https://hook.example.com#part', 'https://hook.example.com/webhook'],
    ['https://hook.example.com', 'https://hook.example.com/webhook'],
    ['https://hook.example.com/', 'https://hook.example.com/webhook'],
    ['https://hook.example.com/hooks/rc', 'https://hook.example.com/hooks/rc'],
  ])('%s leads to %s', (given, address) => {
    expect(deliveryAddress(given, '--address')).toBe(address);
    expect(addressSettings({ WEBHOOK_ADDRESS: given }).address).toBe(address);
  });

  it('of the command line wins, and is the one that is named if it is wrong', () => {
    const wrong = { WEBHOOK_ADDRESS: 'wrong' };
    expect(addressSettings(wrong, 'https://other.example.com').address).toBe('https://other.example.com/webhook');
    expect(failure(() => addressSettings(wrong, 'x'))).toMatch(/^--address is "x": it takes a URL/);
    expect(failure(() => addressSettings(wrong, ''))).toMatch(/^--address is ""/);
  });

  it('is asked of ngrok and cloudflared otherwise, at their usual ports', () => {
    expect(addressSettings({})).toEqual({
      port: 8081,
      address: undefined,
      ngrokApiUrls: ['http://127.0.0.1:4040', 'http://127.0.0.1:4041'],
      cloudflaredApiUrls: [20241, 20242, 20243, 20244, 20245].map((each) => `http://127.0.0.1:${each}`),
      isServerLocal: false,
    });
  });

  it('is asked of them where NGROK_API_URL and CLOUDFLARED_API_URL say', () => {
    const set = { NGROK_API_URL: 'http://localhost:5050/', CLOUDFLARED_API_URL: 'http://localhost:6060/metrics' };
    expect(addressSettings(set)).toMatchObject({
      ngrokApiUrls: ['http://localhost:5050'],
      cloudflaredApiUrls: ['http://localhost:6060'],
    });
  });

  it('must be given if the receiver takes another port at each start', () => {
    expect(failure(() => addressSettings({ PORT: '0' }))).toMatch(/give --address, or set WEBHOOK_ADDRESS/);
    expect(addressSettings({ PORT: '0' }, 'https://hook.example.com')).toMatchObject({ port: 0 });
  });

  it('may be on this machine if RingCentral is, as in the demo', () => {
    expect(addressSettings({ RINGCENTRAL_SERVER: 'http://127.0.0.1:9' }).isServerLocal).toBe(true);
  });

  const local = 'localhost a.localhost nas.local x.internal 127.0.0.1 127.1 2130706433 10.1.2.3 192.168.0.7 172.16.0.1';
  it.each([...local.split(' '), '172.31.9.9', '169.254.1.1', '0.0.0.0', '[::1]', '[fd00::7]', '[fe80::1]'])(
    'is local: %s',
    (host) => expect(isLocal(`http://${host}:8081/webhook`)).toBe(true),
  );

  const notLocal = '10.example.com 127.0.0.1.example.com local internal.example.com 172.15.0.1 172.32.0.1 192.169.0.1';
  it.each([...notLocal.split(' '), '11.0.0.1', '[2001:db8::1]', 'fd00.example.com'])('is not local: %s', (host) =>
    expect(isLocal(`https://${host}/webhook`)).toBe(false),
  );
});

it.each<[Environment, ReturnType<typeof watched>]>([
  [{ WEBHOOK_EXTENSIONS: '' }, { eventFilters: ['/restapi/v1.0/account/~/extension/~/voicemail'] }],
  [{ WEBHOOK_EVENT_FILTERS: '/restapi/a , /restapi/b' }, { eventFilters: ['/restapi/a', '/restapi/b'] }],
  [{ WEBHOOK_EXTENSIONS: '101, 102,0103,101' }, { extensions: ['101', '102', '0103'] }],
  [{ WEBHOOK_EXTENSIONS: 'all' }, { extensions: 'all' }],
])('with %j, what is watched is %j', (set, expected) => {
  expect(watched(set)).toEqual(expected);
});

it('either extensions or event filters are watched', () => {
  expect(failure(() => watched({ WEBHOOK_EXTENSIONS: '101', WEBHOOK_EVENT_FILTERS: '/restapi/a' }))).toBe(
    'WEBHOOK_EXTENSIONS and WEBHOOK_EVENT_FILTERS are both set: choose one.',
  );
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
    ['x', '/restapi/a,', '/restapi/ b'],
  ],
  ['WEBHOOK_EXTENSIONS', 'extension numbers, separated by commas, or all', ['101 102', '101,', 'all,101', '+1866']],
])('a wrong %s is refused: it takes %s', (name, takes, values) => {
  for (const value of values) {
    const env = { [name]: value };
    const message = failure(() => [receiverSettings, addressSettings, watched].map((read) => read(env)));
    expect(message).toBe(`${name} is ${JSON.stringify(value.replace('u:hidden@', ''))}: it takes ${takes}`);
  }
});
