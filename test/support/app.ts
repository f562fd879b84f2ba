import { EventEmitter, once } from 'node:events';
import request from 'supertest';
import { createApp } from '../../src/receiver/app.js';
import { eventLog, type LogEvent } from '../../src/log/event-log.js';
import { eventText } from '../../src/log/event-text.js';
import type { Say } from '../../src/program.js';

/** What an app says, and a way to wait for a line: an access line comes a moment after its answer. */
export class Said extends EventEmitter {
  readonly lines: string[] = [];
  readonly tones: (string | undefined)[] = [];

  readonly say: Say = (line, tone) => {
    this.lines.push(line);
    this.tones.push(tone);
    this.emit('line');
  };

  /** Resolves to the first line that matches. */
  async match(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = this.lines.find((each) => pattern.test(each));
      if (line !== undefined) return line;
      await once(this, 'line');
    }
  }
}

/** The receiver's app in this process, what it logged, and what it said. Expects `token`; undefined takes all. */
export function testApp(options: { token?: string | undefined; log?: LogEvent; ownChecks?: Set<string> } = {}) {
  const events: string[] = [];
  const said = new Said();
  const { log } = eventLog(async (event) => void events.push(eventText(event, 'json')));
  const { token: verificationToken, ...others } = options;
  const app = createApp({ log, verificationToken, say: said.say, ...others });
  const send = () => request(app);
  return {
    app,
    events,
    said,
    send,
    /** Sends a POST to /webhook: text as it is, anything else as JSON. */
    post: (body: string | object = '', headers: Record<string, string> = {}) =>
      send()
        .post('/webhook')
        .set({ 'Content-Type': 'application/json; charset=UTF-8', ...headers })
        .send(body),
    /** Sends bytes to /webhook as they are. */
    postBytes: (body: Buffer, headers: Record<string, string> = {}) =>
      send()
        .post('/webhook')
        .set({ 'Content-Type': 'application/json', ...headers })
        .serialize((sent: unknown) => sent as string)
        .send(body as unknown as string),
  };
}
