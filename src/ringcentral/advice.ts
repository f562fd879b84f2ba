const PAGE_OF_APP = 'on the page of your app (https://developers.ringcentral.com/console)';
const CLIENT = `Copy client id and client secret again ${PAGE_OF_APP}, and use the RINGCENTRAL_SERVER they belong to.`;
const GRANT = `Allow the JWT auth flow ${PAGE_OF_APP}, under Auth, and set RINGCENTRAL_JWT.`;
/** Also what to do about event filters that are disabled. */
export const PERMISSIONS = `Add the permissions "Webhook Subscriptions" and "Read Messages" ${PAGE_OF_APP}, under Security.`;

/** RingCentral's error codes → what to do (API reference, "Errors"; Developer Guide, "Troubleshooting webhooks"). */
const ADVICE: Record<string, string> = {
  'SUB-521': 'RingCentral cannot reach the address: it must be public, and its tunnel and `npm start` must be running.',
  'SUB-522': 'The address must answer the handshake with 200: does it lead to POST /webhook of `npm start`?',
  'SUB-524':
    'The certificate of the address is not valid. Often its intermediate certificate is missing: serve it too.',
  'SUB-525': 'The address answers the handshake, but wrongly: does it lead to `npm start`, with nothing in between?',
  'SUB-505': '20 subscriptions are the limit: `npm run register -- --list` shows them, `-- --delete ID` makes room.',
  'SUB-508': 'Correct WEBHOOK_EVENT_FILTERS: RingCentral does not know one of its event filters.',
  'SUB-405': 'WEBHOOK_EVENT_FILTERS names an extension that this user may not watch: write ~ for the own one.',
  'SUB-406': 'WEBHOOK_EVENT_FILTERS names an account that this user may not watch: write ~ for the own one.',
  'CMN-401': PERMISSIONS,
  'CMN-408': 'This user may not do that: ask the administrator of the account for the permission.',
  'OAU-112': GRANT,
  'OAU-125': GRANT,
  'OAU-251': GRANT,
  'OAU-140':
    'Check RINGCENTRAL_USERNAME, RINGCENTRAL_PASSWORD and RINGCENTRAL_EXTENSION, or better, set RINGCENTRAL_JWT.',
  'OAU-146': CLIENT,
  'OAU-153': CLIENT,
  'OAU-168': 'This account has a second factor, so a password cannot log in: set RINGCENTRAL_JWT.',
  'OAU-252': 'Create a new RINGCENTRAL_JWT: this one is wrong, expired, revoked, or made for another app or server.',
  'OAU-213': 'The login has ended meanwhile: run this again.',
  invalid_client: CLIENT,
  unauthorized_client: GRANT,
};

/** The parameters that a setting stands behind → that setting. */
const SETTINGS: Record<string, string> = {
  address: 'WEBHOOK_ADDRESS (or --address)',
  eventFilters: 'WEBHOOK_EVENT_FILTERS',
  verificationToken: 'WEBHOOK_VERIFICATION_TOKEN',
};

/** What to do about an error, by its codes, the most exact first; undefined where there is nothing better to say. */
export function advice(codes: string[], parameterName = ''): string | undefined {
  const known = codes.map((code) => ADVICE[code]).find((text) => text !== undefined);
  const setting = SETTINGS[parameterName.split('.').at(-1) ?? ''];
  return known ?? (setting && `Correct ${setting}.`);
}
