import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  addressSettings,
  deliveryAddress,
  eventFilters,
  logFormat,
  missingEnvFile,
  proxyHint,
  readEnvironment,
  receiverSettings,
  ringCentralSettings,
  verificationToken,
  type Environment,
} from '../src/settings.js';
import { Failure } from '../src/text.js';
import { temporaryFolder } from './support/temporary.js';

const { env } = process;
const start = process.cwd();
afterEach(() => {
  process.env = env;
  process.chdir(start);
});

/** Goes to a new folder, with a `.env` of this content if there is one. Resolves to its path, as the program sees it. */
function goToFolder(content?: string | Buffer): string {
  const folder = realpathSync(temporaryFolder());
  if (content !== undefined) writeFileSync(join(folder, '.env'), content);
  process.chdir(folder);
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
    process.env = { PORT: '1' };
    goToFolder('PORT=2\nHOST="::1"\n');
    expect(readEnvironment()).toMatchObject({ PORT: '1', HOST: '::1' });
    expect(process.env).not.toHaveProperty('HOST');
    expect(missingEnvFile()).toBeUndefined();
  });

  it('may be missing, and then the path where it was looked for is known', () => {
    process.env = { PORT: '1' };
    const folder = goToFolder();
    expect(readEnvironment()).toEqual({ PORT: '1' });
    expect(missingEnvFile()).toBe(join(folder, '.env'));
  });

  it.each(['utf16le', '\ufeff'])('is named as UTF-16 if it is: %j', (mark) => {
    const folder = goToFolder(Buffer.from(`${mark === '\ufeff' ? mark : ''}PORT=2\r\n`, 'utf16le'));
    expect(failure(readEnvironment)).toBe(`${join(folder, '.env')} is in UTF-16: save it in UTF-8.`);
  });

  it('may be in UTF-8 with a byte order mark', () => {
    process.env = {};
    goToFolder('\ufeffPORT=2\n');
    expect(readEnvironment()).toEqual({ PORT: '2' });
  });

  it('is named if it cannot be read', () => {
    mkdirSync(join(goToFolder(), '.env'));
    expect(failure(readEnvironment)).toMatch(/^\.env cannot be read: EISDIR/);
  });
});

describe('the receiver', () => {
  const defaults = {
    port: 8081,
    host: undefined,
    logFormat: expect.stringMatching(/pretty|json/),
    verificationToken: undefined,
    hasAddress: false,
  };

  it('has a default for everything', () => {
    expect(receiverSettings({})).toEqual(defaults);
    expect(receiverSettings({ PORT: '', HOST: '', LOG_FORMAT: '', WEBHOOK_VERIFICATION_TOKEN: '' })).toEqual(defaults);
  });

  it('takes what is set', () => {
    const own = { WEBHOOK_VERIFICATION_TOKEN: 'token', WEBHOOK_ADDRESS: 'https://hook.example.com' };
    const set = { PORT: '80', HOST: '127.0.0.1', LOG_FORMAT: 'summary', ...own };
    expect(receiverSettings(set)).toEqual({
      port: 80,
      host: '127.0.0.1',
      logFormat: 'summary',
      verificationToken: 'token',
      hasAddress: true,
    });
  });

  it('takes HOST=[::1] as ::1', () => {
    expect(receiverSettings({ HOST: '[::1]' }).host).toBe('::1');
    expect(receiverSettings({ HOST: '::1' }).host).toBe('::1');
  });

  it.each(['80a', '65536', '-1', '8081.5', ' 80', '1e3'])('refuses PORT=%s, and says what it takes', (value) => {
    expect(failure(() => receiverSettings({ PORT: value }))).toBe(
      `PORT is ${JSON.stringify(value)}: it takes a port number, 0 to 65535`,
    );
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

  it('refuses another LOG_FORMAT', () => {
    expect(failure(() => logFormat({ LOG_FORMAT: 'xml' }))).toBe(
      'LOG_FORMAT is "xml": it takes pretty, summary or json',
    );
  });
});

describe('the verification token', () => {
  it('is 32 hexadecimal digits derived from the client secret, without giving it away', () => {
    const token = verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'secret' });
    expect(token).toMatch(/^[\da-f]{32}$/);
    expect(token).toBe(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'secret' }));
    expect(token).not.toBe(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'Secret' }));
  });

  it('is the one that is set, if there is one', () => {
    expect(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 's', WEBHOOK_VERIFICATION_TOKEN: 't' })).toBe('t');
  });

  it('is none if neither is set', () => {
    expect(verificationToken({ RINGCENTRAL_CLIENT_SECRET: '', WEBHOOK_VERIFICATION_TOKEN: '' })).toBeUndefined();
  });

  it.each(['with space', 'é', 'a\nb', 'x'.repeat(256)])(
    'must fit into a header, and is not shown if not: %j',
    (token) => {
      const message = failure(() => verificationToken({ WEBHOOK_VERIFICATION_TOKEN: token }));
      expect(message).toBe(
        'WEBHOOK_VERIFICATION_TOKEN is too long, or no header can hold it: use at most 32 letters and digits.',
      );
    },
  );
});

describe('RingCentral', () => {
  const set = { RINGCENTRAL_CLIENT_ID: 'id', RINGCENTRAL_CLIENT_SECRET: 'secret', RINGCENTRAL_JWT: 'jwt' };

  it('is logged in to with a JWT, at its production server', () => {
    expect(ringCentralSettings(set)).toEqual({
      server: 'https://platform.ringcentral.com',
      clientId: 'id',
      clientSecret: 'secret',
      login: { jwt: 'jwt' },
      verificationToken: verificationToken(set),
      hasOwnToken: false,
    });
  });

  it('may be another server, and the verification token one of our own', () => {
    expect(
      ringCentralSettings({
        ...set,
        RINGCENTRAL_SERVER: 'https://platform.example.biz/path',
        WEBHOOK_VERIFICATION_TOKEN: 'own',
      }),
    ).toMatchObject({ server: 'https://platform.example.biz', verificationToken: 'own', hasOwnToken: true });
  });

  it('is logged in to with a password if there is no JWT', () => {
    const password: Environment = { ...set, RINGCENTRAL_USERNAME: 'user', RINGCENTRAL_PASSWORD: 'password' };
    expect(ringCentralSettings(password)).toMatchObject({ login: { jwt: 'jwt' } });
    delete password['RINGCENTRAL_JWT'];
    expect(ringCentralSettings(password).login).toEqual({ username: 'user', password: 'password' });
    password['RINGCENTRAL_EXTENSION'] = '101';
    expect(ringCentralSettings(password).login).toEqual({ username: 'user', password: 'password', extension: '101' });
  });

  it('is not gone to unseen if the server is set under the name of RingCentral samples', () => {
    const name = { RINGCENTRAL_SERVER_URL: 'https://platform.devtest.ringcentral.com' };
    expect(failure(() => ringCentralSettings({ ...set, ...name }))).toMatch(
      /^RINGCENTRAL_SERVER_URL is not read: .* RINGCENTRAL_SERVER\.$/,
    );
    const both = { ...set, ...name, RINGCENTRAL_SERVER: 'https://platform.example.biz' };
    expect(ringCentralSettings(both).server).toBe('https://platform.example.biz');
  });

  it.each(['platform.ringcentral.com', 'ftp://x', 'https://', 'https://user:hidden@x:y'])(
    'refuses RINGCENTRAL_SERVER=%s, without its password',
    (value) => {
      const message = failure(() => ringCentralSettings({ ...set, RINGCENTRAL_SERVER: value }));
      expect(message).toMatch(
        /^RINGCENTRAL_SERVER is ".*": it takes a URL, such as https:\/\/platform\.ringcentral\.com$/,
      );
      expect(message).not.toMatch(/hidden/);
    },
  );

  it.each(['RINGCENTRAL_CLIENT_ID', 'RINGCENTRAL_CLIENT_SECRET', 'RINGCENTRAL_JWT'])(
    'refuses a space or a curly quote in %s, without showing it',
    (name) => {
      for (const value of ['pasted value', '“pasted”', 'pasted\n']) {
        const message = failure(() => ringCentralSettings({ ...set, [name]: value }));
        expect(message).toMatch(new RegExp(`^${name} has a character that RingCentral never uses`));
        expect(message).not.toMatch(/pasted/);
      }
    },
  );

  describe('if something is missing', () => {
    const sources = { app: /developers\.ringcentral\.com\/new-app/, jwt: /Create JWT/ };

    it('names and explains all of it, and suggests to copy .env.example if there is no .env', () => {
      const folder = goToFolder();
      const [first, ...explained] = failure(() => ringCentralSettings({})).split('\n');
      expect(first).toBe(
        'Not set: RINGCENTRAL_CLIENT_ID, RINGCENTRAL_CLIENT_SECRET, RINGCENTRAL_JWT. ' +
          `There is no ${join(folder, '.env')}: copy .env.example to it, and fill it in.`,
      );
      expect(explained).toEqual([expect.stringMatching(sources.app), expect.stringMatching(sources.jwt)]);
    });

    it('explains only what is missing, and suggests no copy over a .env that is there', () => {
      const folder = goToFolder('RINGCENTRAL_CLIENT_ID=pasted');
      const { RINGCENTRAL_JWT, ...withoutJwt } = set;
      const [first, ...explained] = failure(() => ringCentralSettings(withoutJwt)).split('\n');
      expect(first).toBe(`Not set: RINGCENTRAL_JWT. Go to ${join(folder, '.env')}, and fill it in.`);
      expect(explained).toEqual([expect.stringMatching(sources.jwt)]);
      const [, ...others] = failure(() => ringCentralSettings({ RINGCENTRAL_JWT })).split('\n');
      expect(others).toEqual([expect.stringMatching(sources.app)]);
    });

    it('names the password of a user name that is set', () => {
      goToFolder();
      const { RINGCENTRAL_JWT: _, ...withoutJwt } = set;
      expect(failure(() => ringCentralSettings({ ...withoutJwt, RINGCENTRAL_USERNAME: 'user' }))).toMatch(
        /^Not set: RINGCENTRAL_PASSWORD\./,
      );
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
    const set = { WEBHOOK_ADDRESS: 'wrong' };
    expect(addressSettings(set, 'https://other.example.com').address).toBe('https://other.example.com/webhook');
    expect(failure(() => addressSettings(set))).toMatch(/^WEBHOOK_ADDRESS is "wrong": it takes a URL/);
    expect(failure(() => addressSettings({}, 'x'))).toMatch(/^--address is "x": it takes a URL/);
    expect(failure(() => addressSettings({}, ''))).toMatch(/^--address is ""/);
  });

  it('is asked of ngrok otherwise, at 4040 and then at 4041, or where NGROK_API_URL says', () => {
    expect(addressSettings({})).toEqual({
      port: 8081,
      address: undefined,
      ngrokApiUrls: ['http://127.0.0.1:4040', 'http://127.0.0.1:4041'],
    });
    expect(addressSettings({ NGROK_API_URL: 'http://localhost:5050/' }).ngrokApiUrls).toEqual([
      'http://localhost:5050',
    ]);
    expect(failure(() => addressSettings({ NGROK_API_URL: 'localhost:5050' }))).toMatch(
      /^NGROK_API_URL is "localhost:5050"/,
    );
  });

  it('must be given if the receiver takes another port at each start', () => {
    expect(failure(() => addressSettings({ PORT: '0' }))).toMatch(/give --address, or set WEBHOOK_ADDRESS/);
    expect(addressSettings({ PORT: '0' }, 'https://hook.example.com')).toMatchObject({ port: 0 });
  });
});

describe('event filters', () => {
  it('are the voicemails of the user who logs in, unless others are set', () => {
    expect(eventFilters({})).toEqual(['/restapi/v1.0/account/~/extension/~/voicemail']);
    expect(eventFilters({ WEBHOOK_EVENT_FILTERS: '/restapi/a , /restapi/b' })).toEqual(['/restapi/a', '/restapi/b']);
  });

  it.each(['voicemail', '/restapi/a,', '/restapi/a b'])('refuses %j', (value) => {
    expect(failure(() => eventFilters({ WEBHOOK_EVENT_FILTERS: value }))).toMatch(
      /^WEBHOOK_EVENT_FILTERS is ".*": it takes event filters that start with \/restapi\//,
    );
  });
});

describe('the hint at a proxy', () => {
  it.each(['HTTPS_PROXY', 'https_proxy'])('names %s if Node.js does not use it', (name) => {
    process.env = { [name]: 'http://user:hidden@proxy' };
    expect(proxyHint()).toMatch(new RegExp(`; ${name} is set, but .* NODE_USE_ENV_PROXY=1$`));
    expect(proxyHint()).not.toMatch(/hidden/);
    process.env['NODE_USE_ENV_PROXY'] = '1';
    expect(proxyHint()).toBe('');
  });

  it('is empty if none is set', () => {
    process.env = {};
    expect(proxyHint()).toBe('');
  });
});
