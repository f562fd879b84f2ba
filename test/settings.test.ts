import { Failure } from '../src/failure.js';
import { receiverSettings, verificationToken } from '../src/settings.js';

it('has a default for all', () => {
  const defaults = {
    port: 8081,
    host: undefined,
    logFormat: undefined,
    corsOrigin: '*',
    verificationToken: undefined,
    webhookAddress: undefined,
  };
  expect(receiverSettings({})).toEqual(defaults);
  expect(receiverSettings({ PORT: '', HOST: '', LOG_FORMAT: '', CORS_ORIGIN: '' })).toEqual(defaults);
});

it('takes what is set', () => {
  expect(
    receiverSettings({
      PORT: '80',
      HOST: '127.0.0.1',
      LOG_FORMAT: 'pretty',
      CORS_ORIGIN: 'https://example.com',
      WEBHOOK_VERIFICATION_TOKEN: 'token',
      WEBHOOK_ADDRESS: 'https://hook.example.com',
    }),
  ).toEqual({
    port: 80,
    host: '127.0.0.1',
    logFormat: 'pretty',
    corsOrigin: 'https://example.com',
    verificationToken: 'token',
    webhookAddress: 'https://hook.example.com',
  });
});

it.each([
  ['PORT', '80a', /PORT is "80a": .*0 to 65535/],
  ['PORT', '65536', /PORT/],
  ['PORT', '-1', /PORT/],
  ['PORT', '8081.5', /PORT/],
  ['LOG_FORMAT', 'xml', /LOG_FORMAT is "xml": .*pretty or json/],
  ['CORS_ORIGIN', 'example.com', /CORS_ORIGIN/],
  ['CORS_ORIGIN', 'https://example.com/path', /CORS_ORIGIN/],
])('refuses %s=%s, naming it and what it takes', (name, value, message) => {
  expect(() => receiverSettings({ [name]: value })).toThrow(message);
});

describe('verification token', () => {
  it('is derived from the client secret, without giving it away', () => {
    const token = verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'secret' });
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(token).not.toBe(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 'Secret' }));
  });

  it('is the one that is set, before that', () => {
    expect(verificationToken({ RINGCENTRAL_CLIENT_SECRET: 's', WEBHOOK_VERIFICATION_TOKEN: 't' })).toBe('t');
  });

  it.each(['with space', 'é', 'a\nb', 'x'.repeat(256)])('must fit into a header: %j', (token) => {
    const call = () => verificationToken({ WEBHOOK_VERIFICATION_TOKEN: token });
    expect(call).toThrow(Failure);
    expect(call).not.toThrow(token);
  });
});
