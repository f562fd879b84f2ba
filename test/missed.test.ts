import { stripVTControlCharacters } from 'node:util';
import { apiError, loginError, voicemail, type Platform } from '../scripts/stand-in/platform.js';
import { voicemailFilter } from '../src/contract.js';
import { logMissed, voicemailExtensions, type MissedOptions } from '../src/missed.js';
import type { Session } from '../src/ringcentral/session.js';
import { Failure } from '../src/text.js';
import { closeAll, logIn, startPlatform } from './support/in-process.js';
import { FILTER, STORE, TOKEN_PATH, tooMany } from './support/ringcentral.js';

const CONTENT = /\/content\//;
const OTHER_EXTENSION = '101234';
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

let platform: Platform;
let session: Session;
let lines: string[];
let said: string[];
let logged: Set<string>;

beforeEach(async () => {
  platform = await startPlatform();
  ({ session, said } = await logIn(platform));
  [lines, logged] = [[], new Set()];
});
afterEach(closeAll);

/** Logs what was missed in the last hour. */
function missed(overrides: Partial<MissedOptions> = {}, onFound?: (count: number) => void): Promise<number> {
  const options: MissedOptions = {
    eventFilters: [FILTER],
    format: 'json',
    transcripts: false,
    write: async (line) => void lines.push(line),
    say: (line) => void said.push(line),
    ...overrides,
  };
  return logMissed(session, new Date(minutesAgo(60)), options, logged, onFound);
}

const ids = () => lines.map((line) => (JSON.parse(line) as { body: { id?: unknown } }).body.id);

/** A voicemail so many minutes ago, which RingCentral has transcribed; the text is there if one is given. */
function transcribed(id: number, minutes: number, text?: string, uri = contentUrl(id)): void {
  if (text !== undefined) platform.transcripts.set(String(id), text);
  const attachments = [{ id, type: 'AudioTranscription', uri } as const];
  platform.messages.push(
    voicemail({ id, creationTime: minutesAgo(minutes), vmTranscriptionStatus: 'Completed', attachments }),
  );
}

function contentUrl(id: number): string {
  return `${platform.url}/restapi/v1.0/account/~/extension/~/message-store/${id}/content/${id}`;
}

const reads = () => platform.requests.filter(({ path }) => CONTENT.test(path)).length;

describe('the extensions whose voicemails event filters ask for', () => {
  it.each([
    [[FILTER], ['~']],
    [
      [voicemailFilter('7'), FILTER, voicemailFilter('7')],
      ['7', '~'],
    ],
    [['/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS'], []],
    [['/restapi/v1.0/account/~/extension/~/voicemail/x', '/restapi/v1.0/account/~/presence'], []],
  ])('in %j are %j', (eventFilters, extensions) => {
    expect(voicemailExtensions(eventFilters)).toEqual(extensions);
  });
});

it('logs all since a time, the oldest first, with the event and the body as RingCentral has it', async () => {
  platform.messages = [70, 30, 50, 10].map((minutes, id) => voicemail({ id, creationTime: minutesAgo(minutes) }));
  expect(await missed()).toBe(0);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    [2, 1, 3].map((id) => ({ event: FILTER, body: platform.messages[id] })),
  );
});

it('logs those of all extensions in one order, and asks for nothing else', async () => {
  platform.messages = [40, 20].map((minutes, id) => voicemail({ id, creationTime: minutesAgo(minutes) }));
  platform.otherMessages.set(OTHER_EXTENSION, [voicemail({ id: 7, creationTime: minutesAgo(30) })]);
  const sms = '/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS';
  await missed({ eventFilters: [voicemailFilter(OTHER_EXTENSION), sms, FILTER] });
  expect(ids()).toEqual([0, 7, 1]);
  expect(JSON.parse(lines[1] ?? '')).toMatchObject({ event: voicemailFilter(OTHER_EXTENSION) });
  expect(platform.requests.filter(({ method }) => method === 'GET')).toHaveLength(2);
});

it('logs those that lack fields, the one without a time first', async () => {
  platform.messages = [{ id: 1, creationTime: minutesAgo(5) }, { type: 'VoiceMail' }];
  await missed();
  expect(ids()).toEqual([undefined, 1]);
});

it('logs those of the same moment as they came', async () => {
  const creationTime = minutesAgo(5);
  // RingCentral lists the newest first.
  platform.messages = [3, 2, 1].map((id) => voicemail({ id, creationTime }));
  await missed();
  expect(ids()).toEqual([1, 2, 3]);
});

it('says how many there are before the first', async () => {
  platform.messages = [voicemail(), voicemail()];
  const found: unknown[] = [];
  await missed({}, (count) => found.push(count, lines.length));
  expect(found).toEqual([2, 0]);
});

describe('what was logged before', () => {
  it('is not logged again, nor counted', async () => {
    const found: number[] = [];
    platform.messages = [voicemail({ id: 1 })];
    await missed();
    platform.messages.push(voicemail({ id: 2 }));
    await missed({}, (count) => found.push(count));
    expect([ids(), found]).toEqual([[1, 2], [1]]);
  });

  it('is forgotten once there are 10,000 newer ones, and not while it is found', async () => {
    platform.messages = [voicemail({ id: 1 })];
    logged = new Set(['1', ...Array.from({ length: 20_000 }, (_, i) => `old ${i}`)]);
    await missed();
    expect([logged.size, logged.has('1'), logged.has('old 0'), logged.has('old 19999')]).toEqual([
      10_000,
      true,
      false,
      true,
    ]);
    expect(lines).toEqual([]);
  });

  it('is remembered if something fails before the end', async () => {
    platform.messages = [30, 20, 10].map((minutes, id) => voicemail({ id, creationTime: minutesAgo(minutes) }));
    const write = async (line: string) => {
      if (lines.length === 2) throw new Failure('the disk is full');
      lines.push(line);
    };
    await expect(missed({ write })).rejects.toThrow('the disk is full');
    expect(said).toEqual(['Stopped after 2 of 3 voicemails.']);
    await missed();
    expect(ids()).toEqual([0, 1, 2]);
  });
});

it('logs nothing, and forgets nothing, if one of the lists cannot be read', async () => {
  platform.messages = [voicemail()];
  logged.add('1');
  await expect(missed({ eventFilters: [FILTER, voicemailFilter('404')] })).rejects.toThrow('CMN-102');
  expect([lines, [...logged]]).toEqual([[], ['1']]);
});

describe('transcripts', () => {
  it('stand beside the body', async () => {
    transcribed(1, 20, 'Call me\u001b[2J back.');
    platform.messages.push(voicemail());
    expect(await missed({ transcripts: true })).toBe(0);
    const [first, second] = lines.map((line) => JSON.parse(line) as object);
    expect(first).toEqual({ event: FILTER, transcript: 'Call me\u001b[2J back.', body: platform.messages[0] });
    expect(second).not.toHaveProperty('transcript');
  });

  it.each(['summary', 'pretty'] as const)('stand under the summary line, safe for a terminal: %s', async (format) => {
    transcribed(1, 20, '\u001b[2JCall me back.');
    await missed({ transcripts: true, format });
    const shown = stripVTControlCharacters(lines[0] ?? '');
    expect(shown).toMatch(/^.* Voicemail from .*\n {4}\\u001b\[2JCall me back\./);
    expect(shown.split('\n').length > 2).toBe(format === 'pretty');
  });

  it('are not read if nobody asks for them', async () => {
    transcribed(1, 20, 'Call me back.');
    await missed();
    expect([reads(), lines.join().includes('Call me back')]).toEqual([0, false]);
  });

  it('are not read for what was logged before', async () => {
    transcribed(1, 20, 'Call me back.');
    await missed({ transcripts: true });
    await missed({ transcripts: true });
    expect(reads()).toBe(1);
  });

  it.each([
    ['is not there', () => transcribed(1, 30), /^Could not read the transcript of voicemail 1: .*CMN-102/],
    ['is elsewhere', () => transcribed(1, 30, 'x', 'https://ringcentral.com.example/x'), /is not RingCentral/],
    ['has no address', () => transcribed(1, 30, 'x', 'https://[bad'), /\[bad is not RingCentral/],
  ])('that cannot be read cost only themselves: one %s', async (_, prepare, line) => {
    prepare();
    transcribed(2, 20, 'Call me back.');
    expect(await missed({ transcripts: true })).toBe(1);
    expect([ids(), said]).toEqual([[1, 2], [expect.stringMatching(line)]]);
    expect(lines[1]).toContain('Call me back.');
  });

  it('are no longer asked for once RingCentral asks for a long wait, and all voicemails are logged', async () => {
    for (const id of [1, 2, 3, 4]) transcribed(id, 60 - id * 10, `Text ${id}`);
    let asked = 0;
    platform.onRequest = ({ path }) => {
      if (CONTENT.test(path) && ++asked === 2) platform.fail('GET', CONTENT, tooMany(300));
    };
    expect(await missed({ transcripts: true })).toBe(3);
    expect([ids(), reads(), said]).toEqual([[1, 2, 3, 4], 2, [expect.stringMatching(/voicemail 2: .*\n.*300 s/)]]);
  });

  it('are no longer asked for once RingCentral does not answer', async () => {
    for (const id of [1, 2, 3]) transcribed(id, 60 - id * 10, `Text ${id}`);
    ({ session, said } = await logIn(platform, undefined, { timeoutMs: 50 }));
    platform.fail('GET', CONTENT, 'hang');
    expect(await missed({ transcripts: true })).toBe(3);
    expect([ids(), reads()]).toEqual([[1, 2, 3], 1]);
  });

  it('do not make it log in again and again if the login is refused', async () => {
    for (const id of [1, 2, 3]) transcribed(id, 60 - id * 10, `Text ${id}`);
    platform.onRequest = ({ path }) => {
      if (!CONTENT.test(path)) return;
      platform.endSessions();
      platform.fail('POST', TOKEN_PATH, loginError('invalid_grant', 'OAU-252', 'JWT is invalid'));
    };
    await missed({ transcripts: true }).catch(() => {});
    const logins = platform.requests.filter(({ path }) => TOKEN_PATH.test(path));
    // That at the start, and the one that was refused.
    expect(logins).toHaveLength(2);
  });

  it('are read with a new login if the first has ended', async () => {
    for (const id of [1, 2]) transcribed(id, 60 - id * 10, `Text ${id}`);
    platform.fail('GET', CONTENT, apiError(401, 'OAU-213', 'Token not found'), 1);
    expect(await missed({ transcripts: true })).toBe(0);
  });
});

it('throws what nobody foresaw', async () => {
  transcribed(1, 20, 'Call me back.');
  const unforeseen = new TypeError('x is undefined');
  jest.spyOn(session, 'text').mockRejectedValueOnce(unforeseen);
  jest.spyOn(session, 'json').mockResolvedValueOnce({ records: platform.messages });
  await expect(missed({ transcripts: true })).rejects.toBe(unforeseen);
});

it('is told which list could not be read', async () => {
  platform.fail('GET', STORE, 'cut');
  await expect(missed()).rejects.toThrow('RingCentral did not list the voicemails');
});
