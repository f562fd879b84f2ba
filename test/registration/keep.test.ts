import { setImmediate } from 'node:timers/promises';
import { apiError, loginError, type Fault } from '../../scripts/stand-in/platform.js';
import { keep } from '../../src/registration/keep.js';
import { LoginRefused } from '../../src/ringcentral/errors.js';
import { closeAll } from '../support/in-process.js';
import { FILTER, STORE, SUBSCRIPTION, SUBSCRIPTIONS, TOKEN_PATH, tooMany } from '../support/ringcentral.js';
import { HOUR, MINUTE, nothing, receiver, Scene } from '../support/scene.js';
import { fastTime } from '../support/time.js';

const EVERY = 5 * MINUTE;
const WELL = 'All is well again.';
let scene: Scene;
let time: ReturnType<typeof fastTime>;

beforeEach(async () => void (scene = await Scene.start()));
afterEach(async () => {
  scene.end.abort();
  jest.restoreAllMocks();
  await closeAll();
});

/** Keeps the receiver registered through looks that `onLook` prepares: ends at the beginning of look `last`. */
async function keepUntil(last: number, onLook: (look: number) => void = () => {}, everyMs = EVERY): Promise<void> {
  time = fastTime();
  scene.onLook = (look) => {
    onLook(look);
    if (look === last) scene.end.abort();
  };
  await keep(everyMs, scene.options);
}

/** How long after the look before each look began, in whole seconds. */
const pauses = () => scene.looks.slice(1).map((time, i) => Math.round((time - (scene.looks[i] ?? 0)) / 1000));
const refusal: Fault = apiError(400, 'SUB-521', 'WebHook is not reachable');
const refusedLogin: Fault = loginError('invalid_grant', 'OAU-252', 'JWT is invalid');

it('looks again and again, and says nothing while all is well', async () => {
  await keepUntil(6);
  expect(pauses()).toEqual([300, 300, 300, 300, 300]);
  expect([scene.said, scene.registrations, scene.logged]).toEqual([[], [true], []]);
});

describe('a trouble', () => {
  it('is said once when it begins and once when it ends, and again the next time', async () => {
    const well = scene.listener;
    await keepUntil(12, (look) => {
      scene.listener = [3, 4, 5, 8, 9].includes(look) ? nothing : well;
    });
    const trouble = expect.stringMatching(/answers 502/);
    expect(scene.said).toEqual([trouble, WELL, trouble, WELL]);
  });

  it('is said once if another comes by turns', async () => {
    const { listener, ngrok } = scene;
    await keepUntil(12, (look) => {
      const isBad = look > 1 && look < 10;
      scene.listener = isBad && look % 2 === 0 ? nothing : listener;
      scene.ngrok = isBad && look % 2 === 1 ? (_req, res) => void res.destroy() : ngrok;
    });
    expect(scene.said).toEqual([expect.stringMatching(/answers 502/), expect.stringMatching(/No ngrok agent/), WELL]);
  });

  it('is the same trouble with other ids and digits in it', async () => {
    const ids = ['ed1cf00c-0420-4bf5-a0ae-e659bb9f77e0', '0c0a3a4437a144a78a4e3ad3cd0fe5f9'];
    await keepUntil(5, (look) => {
      const message = `Request ${ids[look % 2]} failed after ${look * 111} ms`;
      if (look < 4) scene.platform.fail('POST', SUBSCRIPTIONS, apiError(400, 'CMN-999', message), 1);
    });
    expect(scene.said).toEqual([expect.stringMatching(/CMN-999 Request ed1c|CMN-999 Request 0c0a/), WELL]);
  });

  it('is also what could not be deleted', async () => {
    scene.platform.subscriptions = [scene.earlier()];
    scene.platform.fail('DELETE', SUBSCRIPTION, apiError(500, 'CMN-201', 'Service Temporary Unavailable'), 3);
    await keepUntil(6);
    expect(scene.said).toEqual([expect.stringMatching(/delete subscription earlier-0: CMN-201/), WELL]);
  });

  it('is said once even if it was waited for: too many requests, again and again', async () => {
    scene.platform.fail('GET', SUBSCRIPTIONS, tooMany(2));
    await keepUntil(5);
    expect(scene.said).toEqual([expect.stringMatching(/waiting 2 s/), expect.stringMatching(/CMN-301/)]);
  });

  it('does not repeat a warning at each look', async () => {
    scene.listener = receiver(null);
    scene.platform.down = true;
    await keepUntil(5);
    expect(scene.said.filter((line) => /from anyone/.test(line))).toHaveLength(1);
  });

  it('is not waited for as long as `every` says if it is nearby', async () => {
    const well = scene.listener;
    await keepUntil(5, (look) => {
      scene.listener = look === 1 || look === 3 ? nothing : well;
    });
    expect(pauses()).toEqual([30, 300, 30, 300]);
  });

  it('of RingCentral is waited for as long as `every` says', async () => {
    scene.platform.fail('POST', SUBSCRIPTIONS, refusal);
    await keepUntil(3);
    expect(pauses()).toEqual([300, 300]);
  });

  it('is waited for as long as `every` says if a new subscription is not live', async () => {
    scene.platform.disabledFilters = [{ filter: FILTER, reason: 'R', message: 'No' }];
    await keepUntil(3);
    expect(pauses()).toEqual([300, 300]);
  });
});

it.each<[string, (isThere: boolean) => void]>([
  ['RingCentral', (isThere) => (scene.platform.down = !isThere)],
  ['ngrok', (isThere) => (isThere ? void scene.openTunnel() : scene.closeTunnel())],
  ['the login', () => scene.platform.endSessions()],
])('survives that %s is away, and logs what came meanwhile', async (_, change) => {
  let id: unknown;
  await keepUntil(8, (look) => {
    if (look === 3) {
      change(false);
      scene.platform.subscriptions = [];
      void scene.platform.leaveVoicemail().then(({ message }) => (id = message.id));
    }
    if (look === 5) change(true);
  });
  expect([scene.logged, scene.platform.subscriptions.length]).toEqual([[id], 1]);
});

it('looks at once if this machine has slept, and logs what came meanwhile', async () => {
  let sleeps = 0;
  await keepUntil(4, (look) => {
    if (look !== 2) return;
    time.onSleep = () => {
      if (++sleeps !== 3) return;
      time.pass(4 * HOUR);
      void scene.platform.leaveVoicemail({ creationTime: new Date(Date.now() - HOUR).toISOString() });
    };
  });
  expect(pauses()).toEqual([300, 4 * 3600 + 3, 300]);
  expect(scene.logged).toHaveLength(1);
});

describe('a refused login', () => {
  it('at the start ends it, after one try', async () => {
    scene.platform.fail('POST', TOKEN_PATH, refusedLogin);
    await expect(keepUntil(3)).rejects.toThrow(LoginRefused);
    expect([scene.looks.length, scene.count('POST', TOKEN_PATH)]).toEqual([1, 1]);
  });

  it('later is sent once an hour, and survived', async () => {
    await keepUntil(6, (look) => {
      if (look !== 3) return;
      scene.platform.endSessions();
      scene.platform.fail('POST', TOKEN_PATH, refusedLogin, 2);
    });
    expect(pauses()).toEqual([300, 300, 3600, 3600, 300]);
    expect(scene.said).toEqual([expect.stringMatching(/OAU-252/), WELL]);
  });

  it('later is not sent again because this machine has slept', async () => {
    const sent: number[] = [];
    await keepUntil(6, (look) => {
      if (look !== 3) return;
      scene.platform.endSessions();
      scene.platform.fail('POST', TOKEN_PATH, refusedLogin);
      scene.platform.onRequest = ({ path }) => void (TOKEN_PATH.test(path) && sent.push(Date.now()));
      let sleeps = 0;
      // Each minute, it sleeps for ten.
      time.onSleep = () => void (++sleeps % 60 === 0 && time.pass(10 * MINUTE));
    });
    const between = sent.slice(1).map((at, i) => at - (sent[i] ?? 0));
    expect([between.length > 0, Math.min(...between) >= HOUR]).toEqual([true, true]);
  });

  it('ends nothing if it is no refusal, such as a gateway that fails at the start', async () => {
    scene.platform.fail('POST', TOKEN_PATH, 'html', 2);
    await keepUntil(5);
    expect(scene.said).toEqual([expect.stringMatching(/refused to log in/), WELL]);
  });
});

describe('too many requests', () => {
  /** When RingCentral was asked for anything, in seconds since it had too many requests. */
  let asked: number[];

  /** Answers `count` requests with 429 and a long Retry-After, and notes when the next ones come. */
  function tooManyAt(method: string, path: RegExp, count = 1): void {
    let start: number | undefined;
    scene.platform.fail(method, path, tooMany(900), count);
    scene.platform.onRequest = (request) => {
      if (start !== undefined) asked.push(Math.round((Date.now() - start) / 1000));
      else if (request.method === method && path.test(request.path)) start = Date.now();
    };
  }

  beforeEach(() => (asked = []));

  it.each([
    ['the login', 'POST', TOKEN_PATH],
    ['the list of subscriptions', 'GET', SUBSCRIPTIONS],
    ['the creation', 'POST', SUBSCRIPTIONS],
  ])('are waited out, however long that is: at %s', async (_, method, path) => {
    tooManyAt(method, path);
    await keepUntil(3);
    expect(asked[0]).toBeGreaterThanOrEqual(900);
    expect([scene.said, scene.ids.length]).toEqual([[expect.stringMatching(/900 s/), WELL], 1]);
  });

  it('are waited out also if voicemails could not be listed', async () => {
    await keepUntil(4, (look) => {
      if (look !== 2) return;
      scene.platform.subscriptions = [];
      tooManyAt('GET', STORE);
    });
    expect(asked[0]).toBeGreaterThanOrEqual(900);
  });

  it('are waited out also if an earlier one could not be deleted', async () => {
    scene.platform.subscriptions = [scene.earlier()];
    scene.platform.fail('DELETE', SUBSCRIPTION, apiError(500, 'CMN-201', 'Service Temporary Unavailable'), 1);
    await keepUntil(4, (look) => {
      if (look === 2) tooManyAt('DELETE', SUBSCRIPTION);
    });
    expect(asked.find((seconds) => seconds > 0)).toBeGreaterThanOrEqual(900);
  });

  it('are waited out also if an earlier one had to make room for the new one', async () => {
    scene.platform.subscriptions = [scene.earlier()];
    scene.platform.fail('POST', SUBSCRIPTIONS, apiError(403, 'SUB-505', 'Subscriptions limit exceeded'), 1);
    tooManyAt('POST', SUBSCRIPTIONS);
    await keepUntil(3);
    expect(asked.find((seconds) => seconds > 0)).toBeGreaterThanOrEqual(900);
  });

  it('are waited out also if this machine sleeps meanwhile', async () => {
    let sleeps = 0;
    tooManyAt('POST', SUBSCRIPTIONS);
    await keepUntil(3, (look) => {
      if (look === 1) time.onSleep = () => ++sleeps === 60 && time.pass(10 * MINUTE);
    });
    expect(asked[0]).toBeGreaterThanOrEqual(900);
  });
});

describe('told to stop', () => {
  /** It has 5 seconds. Whatever it waits for ends by itself after 3 seconds or more, and that is not what is meant. */
  const PROMISED_MS = 2500;

  async function stopsInTime(kept: Promise<void>): Promise<void> {
    const start = performance.now();
    scene.end.abort();
    await kept;
    expect(performance.now() - start).toBeLessThan(PROMISED_MS);
  }

  /** Resolves once something is so. */
  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await setImmediate();
  }

  it('ends while it sleeps, and gives the session back', async () => {
    const kept = keep(24 * HOUR, scene.options);
    await until(() => scene.registrations.length > 0);
    await stopsInTime(kept);
    expect([scene.platform.sessions, scene.ids.length, scene.said]).toEqual([0, 1, []]);
  });

  it.each([
    ['the login', 'POST', TOKEN_PATH],
    ['the list of subscriptions', 'GET', SUBSCRIPTIONS],
    ['the new subscription', 'POST', SUBSCRIPTIONS],
  ])('ends while RingCentral does not answer: %s', async (_, method, path) => {
    scene.platform.fail(method, path, 'hang');
    const kept = keep(EVERY, scene.options);
    await until(() => scene.count(method, path) > 0);
    await stopsInTime(kept);
    expect(scene.said).toEqual([]);
  });

  it('ends even if RingCentral does not take the session back', async () => {
    scene.platform.fail('POST', /revoke$/, 'hang');
    const kept = keep(EVERY, scene.options);
    await until(() => scene.registrations.length > 0);
    const { setTimeout: setRealTimeout } = globalThis;
    const waits: number[] = [];
    const setShortTimeout = (callback: () => void, ms = 0) => setRealTimeout(callback, waits.push(ms));
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(setShortTimeout as typeof setTimeout);
    scene.end.abort();
    await kept;
    expect(Math.max(...waits)).toBeLessThan(PROMISED_MS);
  });

  it('ends while it waits for RingCentral as it was asked to', async () => {
    scene.platform.fail('POST', SUBSCRIPTIONS, tooMany(50));
    const kept = keep(EVERY, scene.options);
    await until(() => scene.said.length > 0);
    await stopsInTime(kept);
    expect(scene.said).toEqual([expect.stringMatching(/waiting 50 s/)]);
  });

  it.each(['listener', 'ngrok'] as const)('ends while nothing answers: %s', async (name) => {
    let isAsked = false;
    scene[name] = () => void (isAsked = true);
    const kept = keep(EVERY, scene.options);
    await until(() => isAsked);
    await stopsInTime(kept);
    expect(scene.said).toEqual([]);
  });

  it('ends while the receiver does not say since when it runs', async () => {
    const { listener } = scene;
    let isAsked = false;
    scene.listener = (req, res) => (req.url === '/healthz' ? void (isAsked = true) : listener(req, res));
    const kept = keep(1, scene.options);
    await until(() => isAsked);
    await stopsInTime(kept);
  });
});

it('does not hide an error that nobody foresaw', async () => {
  const unforeseen = new TypeError('x is undefined');
  Object.assign(scene.options, { logMissed: () => Promise.reject(unforeseen) });
  scene.platform.subscriptions = [scene.earlier({ status: 'Blacklisted' })];
  await expect(keepUntil(3)).rejects.toBe(unforeseen);
});
