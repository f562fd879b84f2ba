import type GetMessageInfoResponse from '@rc-ex/core/definitions/GetMessageInfoResponse';

export const ACCOUNT_ID = '809646016';
/** The user who logs in, by id. */
export const EXTENSION_ID = '823476228762';

let lastId = 1_368_331_070_025;

/** A new id of a message or an attachment. */
export function newId(): number {
  return ++lastId;
}

/** A voicemail left just now, complete and realistic: a record of the message store, or the body of a notification. */
export function voicemail(
  overrides: Partial<GetMessageInfoResponse> = {},
  extensionId = EXTENSION_ID,
  server = 'https://platform.ringcentral.com',
): GetMessageInfoResponse {
  const { id = newId() } = overrides;
  const uri = `${server}/restapi/v1.0/account/${ACCOUNT_ID}/extension/${extensionId}/message-store/${id}`;
  const now = new Date().toISOString();
  return {
    id,
    uri,
    to: [{ name: 'Ada Byron', extensionNumber: '101' }],
    from: { name: 'Grace Hopper', phoneNumber: '+18664320079', location: 'Arlington, VA' },
    type: 'VoiceMail',
    creationTime: now,
    lastModifiedTime: now,
    readStatus: 'Unread',
    priority: 'Normal',
    attachments: [
      { id, uri: `${uri}/content/${id}`, type: 'AudioRecording', contentType: 'audio/mpeg', vmDuration: 17 },
    ],
    direction: 'Inbound',
    availability: 'Alive',
    messageStatus: 'Received',
    vmTranscriptionStatus: 'NotAvailable',
    ...overrides,
  };
}

/** A path or an event filter with ids in place of `~`, which stands for the account and the user who ask. */
export function withIds(path: string, ownerId: string): string {
  return path.replace('/account/~', `/account/${ACCOUNT_ID}`).replace('/extension/~', `/extension/${ownerId}`);
}
