import { overriddenSettings, whereToSet, type Environment } from './env-file.js';
import { Failure } from './errors.js';

/** How to log in: with a JWT, or with a password if the account still allows it (discontinued on 2024-03-31). */
type Login = { jwt: string } | { username: string; password: string; extension?: string };

/** Setting → where to get it. The link fills in RingCentral's form for a new app: JWT login, both permissions. */
const SOURCES: Record<string, string> = {
  RINGCENTRAL_CLIENT_ID:
    'The page of your app shows its client id and secret. To create an app: https://developers.ringcentral.com/new-app' +
    '?name=Voicemail+Webhook&grantType=PersonalJWT&public=false&type=ServerOther&permissions=SubscriptionWebhook,ReadMessages',
  RINGCENTRAL_JWT:
    'The JWT is yours: https://developers.ringcentral.com/console, your name at the top right, Credentials, Create JWT.',
};

/** The names that other programs use, such as RingCentral's own samples (ringcentral-api-docs, code-samples). */
const OTHER_NAMES: Record<string, RegExp> = {
  RINGCENTRAL_CLIENT_ID: /^((ringcentral|rc)_)?(app_|user_)?client_?id$/i,
  RINGCENTRAL_CLIENT_SECRET: /^((ringcentral|rc)_)?(app_|user_)?client_?secret$/i,
  RINGCENTRAL_JWT: /^((ringcentral|rc)_)?(app_|user_)?jwt(_token|_assertion)?$/i,
  RINGCENTRAL_SERVER: /^(ringcentral|rc)_server(_url)?$/i,
};

/** The app and the user to log in with. Throws a Failure that names what is missing, and where to get it. */
export function credentials(env: Environment) {
  const clientId = consoleText(env, 'RINGCENTRAL_CLIENT_ID');
  const clientSecret = consoleText(env, 'RINGCENTRAL_CLIENT_SECRET');
  const jwt = consoleText(env, 'RINGCENTRAL_JWT');
  const { RINGCENTRAL_USERNAME: username, RINGCENTRAL_PASSWORD: password, RINGCENTRAL_EXTENSION: extension } = env;
  const user: Login | undefined =
    username && password ? { username, password, ...(extension && { extension }) } : undefined;
  const login = jwt ? { jwt } : user;
  if (!clientId || !clientSecret || !login || otherName(env, 'RINGCENTRAL_SERVER')) throw notSet(env, login);
  if (jwt && !/^[^.]+\.[^.]+\.[^.]+$/.test(jwt))
    throw new Failure(
      'RINGCENTRAL_JWT is not a whole JWT, which is one line of three parts, joined by dots: copy it again.',
    );
  const used = ['CLIENT_ID', 'CLIENT_SECRET', 'SERVER', ...(jwt ? ['JWT'] : ['USERNAME', 'PASSWORD', 'EXTENSION'])];
  const overridden = overriddenSettings(used.map((name) => `RINGCENTRAL_${name}`));
  return { clientId, clientSecret, login, overridden };
}

function notSet(env: Environment, login: Login | undefined): Failure {
  const loginName = env['RINGCENTRAL_USERNAME'] ? 'RINGCENTRAL_PASSWORD' : 'RINGCENTRAL_JWT';
  const needed = ['RINGCENTRAL_CLIENT_ID', 'RINGCENTRAL_CLIENT_SECRET', ...(login ? [] : [loginName])];
  const missing = needed.filter((name) => !env[name]);
  const help = [...missing, 'RINGCENTRAL_SERVER'].flatMap((name) => {
    const other = otherName(env, name);
    return other ? `${other} is not read: here it is called ${name}.` : (SOURCES[name.replace('SECRET', 'ID')] ?? []);
  });
  const first = missing.length > 0 ? [`Not set: ${missing.join(', ')}. ${whereToSet()}`] : [];
  return new Failure([...first, ...new Set(help)].join('\n'));
}

function otherName(env: Environment, name: string): string | undefined {
  return env[name] ? undefined : Object.keys(env).find((each) => env[each] && OTHER_NAMES[name]?.test(each));
}

/** A value from RingCentral's developer console; undefined if it is not set. Throws a Failure if it was copied wrongly. */
export function consoleText(env: Environment, name: string): string | undefined {
  const value = env[name] || undefined;
  if (value && /[^\x21-\x7e]|["'`]/.test(value))
    throw new Failure(
      `${name} has a character that RingCentral never uses, such as a space or a quote: copy it again.`,
    );
  return value;
}
