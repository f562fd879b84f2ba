import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { itIfLinux, itIfNotWindows, itIfScript } from '../support/available.js';
import { atATime, uuidsOf } from '../support/load.js';
import { notification } from '../support/notification.js';
import { endPrograms, FAST_CLOCK, Receiver, runOnTerminal, TIME } from '../support/programs.js';
import { temporaryFolder } from '../support/temporary.js';

afterEach(endPrograms);

describe('on a terminal', () => {
  /** What a terminal has shown of the receiver once it has taken an event. */
  async function onTerminal(env: Record<string, string>, body: object) {
    const { child, screen } = runOnTerminal('src/server', { PORT: '0', ...env }, FAST_CLOCK);
    const port = (await screen.match(/localhost:(\d+)/))[1];
    const headers = { 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${port}/webhook`;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    await screen.match(/POST \/webhook 200/);
    child.stdin.write('\u0003'); // Ctrl-C
    const [status] = await once(child, 'exit');
    expect(status).toBe(0);
    return screen.text;
  }
  const hostile = notification({ body: { type: 'Voicemail', from: { name: 'Grace\u001b[2J\u009b31m' } } });

  itIfScript(
    'the summary is bold, a warning yellow, payload and access log are faint, and no other escape gets out',
    async () => {
      const screen = await onTerminal({}, hostile);
      expect(screen).toMatch(
        // oxlint-disable-next-line no-control-regex
        /\u001b\[2m\{\r\n {2}"uuid": [^]*\r\n\}\u001b\[22m\r\n\u001b\[1m[-\d: ]+ {2}Voicemail from Grace\\u001b\[2J\\u009b31m, a withheld number\u001b\[22m\r\n/,
      );
      // oxlint-disable-next-line no-control-regex
      expect(screen).toMatch(/\u001b\[2m\d\d:\d\d:\d\d {2}POST \/webhook 200 .* ms\u001b\[22m\r\n/);
      // oxlint-disable-next-line no-control-regex
      expect(screen.match(/[\u001b\u009b](\[\d+m)?/g)).toEqual(
        ['33', '39', '2', '22', '1', '22', '2', '22'].map((code) => `\u001b[${code}m`),
      );
    },
  );

  itIfScript.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('nothing is styled with %j', async (env) => {
    const screen = await onTerminal(env, hostile);
    expect(screen).toMatch(/\r\n\{\r\n {2}"uuid": [^]*\r\n\}\r\n[-\d: ]+ {2}Voicemail from Grace\\u001b\[2J/);
    // oxlint-disable-next-line no-control-regex
    expect(screen).not.toMatch(/[\u001b\u009b]/);
  });
});

it.each([
  [{}, false],
  [{ FORCE_COLOR: '1' }, true],
])('in a pipe, with %j, what is pretty is styled: %j', async (env, isStyled) => {
  const receiver = await Receiver.start({ LOG_FORMAT: 'pretty', ...env }, { nodeOptions: FAST_CLOCK });
  await receiver.post(notification());
  await receiver.end('SIGTERM');
  for (const { text } of [receiver.stdout, receiver.stderr]) expect(text.includes('\u001b[')).toBe(isStyled);
  expect(receiver.stdout.text).toMatch(/\n {2}"uuid": [^]*Voicemail from Grace Hopper/);
});

itIfNotWindows(
  'stdout and stderr in one pipe do not tear each other: 400 of 400 events come through a slow reader',
  async () => {
    const receiver = await Receiver.start({}, { shell: 'exec "$@" 2>&1', nodeOptions: FAST_CLOCK });
    const { stdout } = receiver.child;
    stdout.on('data', () => {
      stdout.pause();
      setTimeout(() => stdout.resume(), 3);
    });
    const events = Array.from({ length: 400 }, (_, i) => ({ ...notification(), padding: 'x'.repeat(3000 + 50 * i) }));
    await atATime(20, events, async (event) => {
      while ((await receiver.post(event)).status !== 200);
    });
    const ended = once(receiver.child, 'close');
    receiver.child.kill('SIGTERM');
    await ended;
    const lines = receiver.stdout.lines.filter((line) => !TIME.test(line));
    expect(uuidsOf(lines).sort()).toEqual(events.map(({ uuid }) => uuid).sort());
    expect(receiver.stdout.lines.filter((line) => / POST \/webhook 200 /.test(line)).length).toBeGreaterThanOrEqual(
      400,
    );
  },
);

describe('a file that stdout appends to', () => {
  /** Runs the receiver on a file, and resolves to those of the events that it refused. */
  async function logTo(file: string, events: { uuid: string }[], before = '') {
    const shell = `${before} exec "$@" >> "${file}"`;
    const receiver = await Receiver.start({}, { shell, nodeOptions: FAST_CLOCK });
    const refused: typeof events = [];
    for (const event of events) if ((await receiver.post(event)).status !== 200) refused.push(event);
    await receiver.end('SIGTERM');
    return refused;
  }

  itIfLinux('gets a line feed first if its last line is unfinished, and none if it is whole', async () => {
    const file = join(temporaryFolder(), 'events');
    writeFileSync(file, '{"event":"/whole"}\n{"event":"/to');
    const [first, second] = [notification(), notification()];
    expect(await logTo(file, [first])).toEqual([]);
    expect(await logTo(file, [second])).toEqual([]);
    expect(readFileSync(file, 'utf8').split('\n')).toEqual([
      '{"event":"/whole"}',
      '{"event":"/to',
      JSON.stringify(first),
      JSON.stringify(second),
      '',
    ]);
  });

  itIfLinux(
    'has every event that was answered 200 once, after a write that failed in the middle of a line',
    async () => {
      const file = join(temporaryFolder(), 'events');
      const events = Array.from({ length: 40 }, () => notification());
      // What the program writes beside its log must fit, too.
      const refused = await logTo(file, events, 'unset NODE_V8_COVERAGE; ulimit -f 16;');
      const last = readFileSync(file, 'utf8').split('\n').at(-1) ?? '';
      expect(last).toMatch(/^\{"uuid".*[^}]$/);
      expect(refused.length).toBeGreaterThan(1);
      // RingCentral sends again what was refused, and perhaps what was not.
      expect(await logTo(file, refused)).toEqual([]);
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      const whole = lines.filter((line) => line !== last);
      expect(lines.length - whole.length).toBe(1);
      expect(uuidsOf(whole).sort()).toEqual(events.map(({ uuid }) => uuid).sort());
    },
  );
});
