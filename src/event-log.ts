import type { LineWriter } from './line-writer.js';
import { safeText } from './safe-text.js';
import { summary } from './voicemail.js';

/** How long an event may take to be written before its notification is refused: RingCentral waits 3000 ms in all. */
const WRITE_TIMEOUT_MS = 1500;
/** How many uuids are remembered. */
const REMEMBERED = 10_000;
/** Deeper levels of a payload are indented as far as this one, or 100 KiB of brackets would become gigabytes of tabs. */
const MAX_INDENT = 16;

/** A notification: its JSON text, as it came, and what was read from it. */
export interface Notification {
  json: string;
  event: string;
  uuid: string | undefined;
  timestamp: unknown;
  body: unknown;
}

export type LogFormat = 'pretty' | 'json';

/** An event that is not in the log, or not known to be. The message says why. */
export class NotLogged extends Error {}

/** Where events go: each once, each in one write, as one JSON object a line or laid out for a person. */
export class EventLog {
  readonly #logged = new Set<string>();
  /** In a ring: to find the oldest in the Set costs more the longer it lives. */
  readonly #order: string[] = [];
  #next = 0;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly writer: LineWriter,
    private readonly format: LogFormat,
  ) {}

  /**
   * Logs an event whose uuid is not among the last 10,000 that were logged.
   *
   * Resolves when the operating system has it: to false where it had it before. Rejects with NotLogged where it could not
   * be written, or not in 1500 ms: then it may still be written later, and counts as logged from there on.
   */
  async log(notification: Notification): Promise<boolean> {
    const { uuid } = notification;
    if (uuid !== undefined && this.#logged.has(uuid)) return false;
    const twin = uuid === undefined ? undefined : this.#underWay.get(uuid);
    await (twin ?? this.#write(notification));
    return twin === undefined;
  }

  #write(notification: Notification): Promise<void> {
    const { uuid } = notification;
    const text = eventText(notification, this.format);
    const written = new Promise<void>((resolve, reject) => {
      const timeout = setTimeout(
        () =>
          reject(new NotLogged(this.writer.failure?.message ?? `stdout has taken nothing for ${WRITE_TIMEOUT_MS} ms`)),
        WRITE_TIMEOUT_MS,
      );
      this.writer.write(text, (error) => {
        clearTimeout(timeout);
        if (uuid !== undefined) this.#underWay.delete(uuid);
        if (error) return reject(new NotLogged(error.message));
        if (uuid !== undefined) this.#remember(uuid);
        resolve();
      });
    });
    if (uuid !== undefined) this.#underWay.set(uuid, written);
    return written;
  }

  #remember(uuid: string): void {
    const oldest = this.#order[this.#next];
    if (oldest !== undefined) this.#logged.delete(oldest);
    this.#order[this.#next] = uuid;
    this.#next = (this.#next + 1) % REMEMBERED;
    this.#logged.add(uuid);
  }
}

/** An event as it is logged: one line, or for a person its summary, a note where there is one, and the payload. */
export function eventText(notification: Notification, format: LogFormat, note?: string): string {
  const line = safeText(notification.json.replace(/[\t\n\r]+/g, ' '));
  return format === 'json' ? line : [summary(notification), note, indent(line)].filter(Boolean).join('\n');
}

/**
 * Indents JSON with tabs. It moves white space only: parsing and printing it again would change what came (a number
 * beyond double precision loses digits, keys that look like numbers change places) and can overflow the stack.
 */
function indent(json: string): string {
  let depth = 0;
  const newLine = () => `\n${'\t'.repeat(Math.min(depth, MAX_INDENT))}`;
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|[[{] *[\]}]|[[\]{}:,]| +/g, (token) => {
    switch (token[0]) {
      case '"':
        return token;
      case ' ':
        return '';
      case ':':
        return ': ';
      case ',':
        return `,${newLine()}`;
      case ']':
      case '}':
        depth--;
        return newLine() + token;
      default:
        if (token.length > 1) return token.replaceAll(' ', '');
        depth++;
        return token + newLine();
    }
  });
}
