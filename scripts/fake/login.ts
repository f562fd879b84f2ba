import { randomUUID } from 'node:crypto';
import { Router, type Request } from 'express';
import { fields, loginError, tokenInvalid } from './api-errors.js';
import type { State } from './state.js';
import { withIds } from './voicemail.js';

/** The app and the JWT that the platform knows, named as in the environment. */
export const CREDENTIALS = {
  RINGCENTRAL_CLIENT_ID: 'Client-Id_of-the-Fake',
  RINGCENTRAL_CLIENT_SECRET: 'Client-Secret_of-the-Fake',
  RINGCENTRAL_JWT: 'eyJhbGciOiJSUzI1NiJ9.JWT-of-the-Fake.Signature',
};

/** The user behind the JWT, for the discontinued login with a password. It needs the app's id and secret as well. */
export const PASSWORD_CREDENTIALS = {
  RINGCENTRAL_USERNAME: '+18002097562',
  RINGCENTRAL_PASSWORD: 'Password & of + the % Fake',
  RINGCENTRAL_EXTENSION: '101',
};

/** Logging in and out. All that follows needs an access token. */
export function loginApi(state: State): Router {
  return Router()
    .use('/restapi/oauth', (req, _res, next) => {
      const app = btoa(`${CREDENTIALS.RINGCENTRAL_CLIENT_ID}:${CREDENTIALS.RINGCENTRAL_CLIENT_SECRET}`);
      if (req.get('Authorization') === `Basic ${app}`) return next();
      throw loginError('invalid_client', 'OAU-153', 'Invalid client application', state.refusedLoginStatus);
    })
    .post('/restapi/oauth/token', (req, res) => {
      const form = fields(req.body);
      const refusal = refusalOf(form, state);
      if (refusal) throw loginError(...refusal, state.refusedLoginStatus);
      const ownerId = state.users.get(String(form['assertion'])) ?? state.ownerId;
      const token = `access-${randomUUID()}`;
      state.accessTokens.push(token);
      state.validTokens.add(token);
      state.tokenOwners.set(token, ownerId);
      // No refresh token: today's platform issues none by default.
      res.json({ access_token: token, token_type: 'bearer', expires_in: 3600, owner_id: ownerId });
    })
    .post('/restapi/oauth/revoke', (req, res) => {
      state.validTokens.delete(String(fields(req.body)['token']));
      res.end();
    })
    .use((req, _res, next) => {
      if (!state.validTokens.has(tokenOf(req))) throw tokenInvalid();
      req.url = withIds(req.url, ownerOf(state, req));
      next();
    });
}

/** The id of the user who asks. */
export function ownerOf(state: State, req: Request): string {
  return state.tokenOwners.get(tokenOf(req)) ?? state.ownerId;
}

function tokenOf(req: Request): string {
  // The SDK writes the scheme as the token endpoint does, in lower case.
  return /^bearer (.+)$/i.exec(req.get('Authorization') ?? '')?.[1] ?? '';
}

/** Why a login is refused: error, code and message. */
function refusalOf(form: Record<string, unknown>, { users }: State): [string, string, string] | undefined {
  const { grant_type: grant, assertion, username, extension, password } = form;
  if (grant === 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    return users.has(String(assertion)) ? undefined : ['invalid_grant', 'OAU-252', 'JWT is invalid'];
  if (grant !== 'password') return ['unauthorized_client', 'OAU-251', 'Unauthorized for this grant type'];
  const user = PASSWORD_CREDENTIALS;
  // The SDK sends "user*extension". A direct number needs no extension.
  const [name, number = extension ?? user.RINGCENTRAL_EXTENSION] = String(username).split('*');
  const isKnown = name === user.RINGCENTRAL_USERNAME && number === user.RINGCENTRAL_EXTENSION;
  if (isKnown && password === user.RINGCENTRAL_PASSWORD) return undefined;
  return ['invalid_grant', 'OAU-140', 'Invalid resource owner credentials'];
}
