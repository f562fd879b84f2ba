import type { RequestListener } from 'node:http';
import { tunnel } from '../../scripts/stand-in/ngrok-agent.js';
import { CREDENTIALS, type Platform, type Subscription } from '../../scripts/stand-in/platform.js';
import { logMissed } from '../../src/missed.js';
import { createApp } from '../../src/receiver/app.js';
import { Keeper, type KeeperOptions } from '../../src/registration/keeper.js';
import { Session } from '../../src/ringcentral/session.js';
import { ringCentralSettings } from '../../src/settings.js';
import { serve, startPlatform, TOKEN } from './in-process.js';
import { earlier, FILTER } from './ringcentral.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** A receiver that expects a verification token; null: none. */
export function receiver(expected: string | null = TOKEN): RequestListener {
  const verificationToken = expected ?? undefined;
  return createApp({ logEvent: () => Promise.resolve(true), verificationToken, say: () => {} });
}

/** A receiver that says of itself that it was started at a time. */
export function receiverSince(startedAt: Date): RequestListener {
  const app = receiver();
  return (req, res) => {
    if (req.url !== '/healthz') return app(req, res);
    // By the clock that a test may have put forward.
    res.setHeader('Date', new Date(Date.now()).toUTCString());
    res.setHeader('Content-Type', 'application/json').end(JSON.stringify({ status: 'ok', startedAt }));
  };
}

/** What a tunnel does if nothing listens behind it. */
export const nothing: RequestListener = (_req, res) => void res.writeHead(502).end();

/** All that a keeper looks at, in this process, and what comes out of it. */
export class Scene {
  /** The receiver. It was started an hour ago. */
  listener = receiverSince(new Date(Date.now() - HOUR));
  /** What answers for ngrok. */
  ngrok: RequestListener = (_req, res) => {
    res.end(JSON.stringify({ tunnels: this.#tunnel ? [tunnel(this.#tunnel, `localhost:${this.port}`)] : [] }));
  };
  /** Is told of each look that begins, the first is 1: when ngrok is asked. */
  onLook: (look: number) => void = () => {};
  /** When each look began. */
  readonly looks: number[] = [];
  readonly end = new AbortController();
  /** What a person was told. */
  readonly said: string[] = [];
  /** The ids of the voicemails that were logged. */
  readonly logged: unknown[] = [];
  /** From when on, each time that voicemails were looked for. */
  readonly since: number[] = [];
  /** The keys of what was logged, as scripts/keep.ts remembers them. */
  readonly remembered = new Set<string>();
  /** Whether each registration was the first. */
  readonly registrations: boolean[] = [];
  readonly options: KeeperOptions;
  #tunnel: string | undefined;

  private constructor(
    readonly platform: Platform,
    readonly port: number,
    agent: string,
    overrides: Partial<KeeperOptions>,
  ) {
    const say = (line: string) => void this.said.push(line);
    const settings = ringCentralSettings({ ...CREDENTIALS, RINGCENTRAL_SERVER: platform.url });
    const write = async (line: string) =>
      void this.logged.push((JSON.parse(line) as { body: { id: unknown } }).body.id);
    this.options = {
      addressSettings: { port, address: undefined, ngrokApiUrls: [agent] },
      eventFilters: [FILTER],
      verificationToken: TOKEN,
      signal: this.end.signal,
      say,
      logIn: (tell = say) => Session.logIn(settings, { say: tell, signal: this.end.signal, pauseMs: 1 }),
      onRegistered: (_registered, isFirst) => void this.registrations.push(isFirst),
      logMissed: async (session, since) => {
        this.since.push(since.getTime());
        const form = { format: 'json', transcripts: false } as const;
        await logMissed(session, since, { eventFilters: [FILTER], ...form, write, say }, this.remembered);
      },
      ...overrides,
    };
  }

  static async start(overrides: Partial<KeeperOptions> = {}): Promise<Scene> {
    const platform = await startPlatform();
    const agent = await serve((req, res) => {
      scene.onLook(scene.looks.push(Date.now()));
      scene.ngrok(req, res);
    });
    const url = await serve((req, res) => scene.listener(req, res));
    const scene = new Scene(platform, Number(new URL(url).port), agent, overrides);
    await scene.openTunnel();
    return scene;
  }

  keeper(): Keeper {
    return new Keeper(this.options);
  }

  /** Opens a tunnel under a new address, in place of the one before. */
  async openTunnel(): Promise<void> {
    this.#tunnel = await serve((req, res) => this.listener(req, res));
  }

  closeTunnel(): void {
    this.#tunnel = undefined;
  }

  /** The delivery address through the tunnel. */
  get address(): string {
    return `${this.#tunnel}/webhook`;
  }

  /** A subscription of earlier: a live one of this address, or what a test wants otherwise. */
  earlier(overrides: Subscription = {}, address = this.address): Subscription {
    return earlier(address, { id: `earlier-${this.platform.subscriptions.length}`, ...overrides });
  }

  get ids(): (string | undefined)[] {
    return this.platform.subscriptions.map(({ id }) => id);
  }

  /** How many requests of a kind RingCentral got. */
  count(method: string, path: RegExp): number {
    return this.platform.requests.filter((each) => each.method === method && path.test(each.path)).length;
  }
}
