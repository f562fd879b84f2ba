import { setMaxListeners } from 'node:events';
import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';
import { someExtensions, type Extension } from './extensions.js';
import { CREDENTIALS } from './login.js';
import { EXTENSION_ID } from './voicemail.js';

/** A subscription as the API answers it. Its transport may be one that today's reference leaves out, such as PubNub. */
export type Subscription = Omit<SubscriptionInfo, 'deliveryMode'> & {
  deliveryMode?: { transportType?: string; encryption?: boolean; address?: string };
};

/** A request as it was received. */
export interface ReceivedRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Parsed JSON, or the fields of a form. */
  body: unknown;
}

/** What RingCentral knows, and how it behaves: all that a test can read or set. */
export class State {
  /**
   * All subscriptions of this app. Push blacklisted ones, or those of another transport, as needed: what did not come
   * through the API belongs to `ownerId`.
   */
  subscriptions: Subscription[] = [];
  /** Subscription id → its verification token, which the API never returns. */
  readonly verificationTokens = new Map<string, string>();
  /** All extensions of the account. Records are served as they are. */
  extensions: Extension[] = someExtensions();
  /** The message store of EXTENSION_ID. Records are served as they are. */
  messages: GetMessageInfoResponse[] = [];
  /** The message stores of other extensions, by id. Those in `extensions` that are not in here are empty. */
  readonly otherMessages = new Map<string, GetMessageInfoResponse[]>();
  /** Attachment id → text of a transcription. */
  readonly transcripts = new Map<string, string>();
  /** Attachment id → content of a recording. All others are silence. */
  readonly recordings = new Map<string, Buffer>();
  /** JWT → the id of the user behind it. */
  readonly users = new Map([[CREDENTIALS.RINGCENTRAL_JWT, EXTENSION_ID]]);
  /** All access tokens ever issued, so that tests can search for leaked ones. */
  readonly accessTokens: string[] = [];
  /** Those that are valid now. */
  readonly validTokens = new Set<string>();
  /** Access token, and subscription id → the user who got it. */
  readonly tokenOwners = new Map<string, string>();
  readonly subscriptionOwners = new Map<string, string>();
  /** When messages were left, by performance.now(). Those that are not in here are old. */
  readonly leftAt = new WeakMap<object, number>();
  /** All that was received, in order, faults and refusals included. */
  requests: ReceivedRequest[] = [];
  /** Called with each request before it is served. */
  onRequest: (request: ReceivedRequest) => void = () => {};

  /** Whether RingCentral is away: every request's connection is destroyed. */
  down = false;
  /** The status of the platform's own refusals to log in: 400 in the API description, 401 in the guide's list. */
  refusedLoginStatus = 400;
  maxSubscriptions = 30;
  /** The longest life of a subscription, and what happens to one asked for longer. */
  maxExpiresIn: { seconds: number; over: 'refuse' | 'clip' } = { seconds: 630_720_000, over: 'refuse' };
  /** The event filters that each new subscription answers as disabled. */
  disabledFilters: NonNullable<SubscriptionInfo['disabledFilters']> = [];
  /** Extension id → how its message store is refused. */
  readonly refusedMailboxes = new Map<string, 'CMN-102' | 'CMN-404' | 'CMN-408'>();
  /** Extension id → how a subscription to its events is refused: 'disabled' succeeds without it, all else fails. */
  readonly refusedFilters = new Map<string, 'SUB-405' | 'CMN-102' | 'disabled'>();
  /** Whether notifications carry the token as `Validation-Token`, to be echoed, as today's guide words it. */
  validationTokenHeader = false;
  /** After so many failed deliveries in a row a subscription becomes Blacklisted. */
  blacklistAfter = Infinity;
  /** So many of the next deliveries are never sent. */
  lostDeliveries = 0;
  /** How long after it was left a message is listed, in real milliseconds. */
  listLagMs = 0;
  /** Whether contents come with 206 instead of 200. */
  partial = false;
  /** Called before each part of a content with the number of bytes sent: a promise delays it, 'cut' ends it. */
  onChunk: (sentBytes: number) => unknown = () => {};
  /** Whether lists of messages have totals, which "may be omitted". */
  totals = false;
  /** Whether lists of messages name their next page. If not, only a full page says that there is more. */
  nextPage = true;
  /** How many records a page has at most, whatever was asked for. */
  maxMessagesPerPage = 1000;
  maxExtensionsPerPage = 1000;
  /** How far RingCentral's clock is ahead of this machine's, in milliseconds. */
  clockOffsetMs = 0;
  /** Whether answers have a Date header, as HTTP servers' do. */
  dateHeader = true;

  /** Aborted when the platform closes: nothing may be under way after that. */
  readonly closing = new AbortController();

  constructor(
    /** The value of RINGCENTRAL_SERVER. */
    readonly url: string,
  ) {
    // Every delivery listens to it: more than ten are no leak.
    setMaxListeners(0, this.closing.signal);
  }

  /** The time by RingCentral's clock, in milliseconds since 1970. */
  get now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  /** The same, as the API writes it. */
  get time(): string {
    return new Date(this.now).toISOString();
  }

  /** The user behind CREDENTIALS, and behind PASSWORD_CREDENTIALS. */
  get ownerId(): string {
    return this.users.get(CREDENTIALS.RINGCENTRAL_JWT) ?? EXTENSION_ID;
  }

  set ownerId(id: string) {
    this.users.set(CREDENTIALS.RINGCENTRAL_JWT, id);
  }

  /** Whom a subscription belongs to. */
  ownerOf({ id = '' }: Subscription): string {
    return this.subscriptionOwners.get(id) ?? this.ownerId;
  }

  /** Whether a message is in lists already. */
  isListed(message: object): boolean {
    return performance.now() - (this.leftAt.get(message) ?? -Infinity) >= this.listLagMs;
  }

  /** An extension's message store; undefined if there is no such extension. */
  storeOf(extensionId: string): GetMessageInfoResponse[] | undefined {
    if (extensionId === EXTENSION_ID) return this.messages;
    const exists = this.extensions.some(({ id }) => String(id) === extensionId);
    return this.otherMessages.get(extensionId) ?? (exists ? [] : undefined);
  }
}
