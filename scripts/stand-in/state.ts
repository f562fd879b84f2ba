import { setMaxListeners } from 'node:events';
import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';
import type SubscriptionInfo from '@rc-ex/core/definitions/SubscriptionInfo';

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

/** What RingCentral knows, and how it behaves: all that a test can look at or set. */
export class State {
  /** All subscriptions of this user and app. Push blacklisted ones, or those of another transport, as needed. */
  subscriptions: Subscription[] = [];
  /** Subscription id → its verification token, which the API never tells. */
  readonly verificationTokens = new Map<string, string>();
  /** The user's message store. Records are served as they are. */
  messages: GetMessageInfoResponse[] = [];
  /** The message stores of other extensions, by id. */
  readonly otherMessages = new Map<string, GetMessageInfoResponse[]>();
  /** Attachment id → text of a transcription. */
  readonly transcripts = new Map<string, string>();
  /** All access tokens ever issued, to look for leaked ones. */
  readonly accessTokens: string[] = [];
  /** Those that are valid now. */
  readonly validTokens = new Set<string>();
  /** All that was received, in order, faults and refusals included. */
  requests: ReceivedRequest[] = [];
  /** Is told of each request before it is served. */
  onRequest: (request: ReceivedRequest) => void = () => {};

  /** Whether RingCentral is away: every request's connection is destroyed. */
  down = false;
  /** The status of the stand-in's own refusals to log in: 400 in the API description, 401 in the guide's list. */
  refusedLoginStatus = 400;
  maxSubscriptions = 30;
  /** The longest life of a subscription, and what happens to one asked for longer. */
  maxExpiresIn: { seconds: number; over: 'refuse' | 'clip' } = { seconds: 630_720_000, over: 'refuse' };
  /** What each new subscription is told that it will not get. */
  disabledFilters: NonNullable<SubscriptionInfo['disabledFilters']> = [];
  /** Whether notifications carry the token as `Validation-Token`, to be echoed, as today's guide words it. */
  validationTokenHeader = false;
  /** After so many failed deliveries in a row a subscription becomes Blacklisted. */
  blacklistAfter = Infinity;
  /** Whether lists of messages have totals, which "may be omitted". */
  totals = false;
  /** Whether lists of messages name their next page. If not, only a full page says that there is more. */
  nextPage = true;

  /** Aborted when the stand-in closes: nothing may be under way after that. */
  readonly closing = new AbortController();

  constructor(
    /** The value of RINGCENTRAL_SERVER. */
    readonly url: string,
  ) {
    // Every delivery listens to it, and more than ten at a time are no leak.
    setMaxListeners(0, this.closing.signal);
  }
}
