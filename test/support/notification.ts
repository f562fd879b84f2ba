import { randomUUID } from 'node:crypto';
import type VoicemailMessageEvent from '@rc-ex/core/definitions/VoicemailMessageEvent';

/** A voicemail notification as RingCentral sends it, with a uuid of its own, and what a test wants otherwise. */
export function notification(overrides: VoicemailMessageEvent = {}): VoicemailMessageEvent & { uuid: string } {
  return {
    uuid: randomUUID(),
    event: '/restapi/v1.0/account/~/extension/823476228762/voicemail',
    subscriptionId: 'dc853541-66ac-45d8-a288-1a239fd72888',
    ownerId: '823476228762',
    timestamp: '2026-02-28T10:06:15.000Z',
    body: {
      id: '82063400004',
      to: [{ name: 'Ada Byron', extensionNumber: '101' }],
      from: { phoneNumber: '+18664320079', name: 'Grace Hopper', location: 'Arlington, VA' },
      type: 'VoiceMail',
      creationTime: '2026-02-28T10:05:55.000Z',
      readStatus: 'Unread',
      priority: 'Normal',
    },
    ...overrides,
  } as VoicemailMessageEvent & { uuid: string };
}
