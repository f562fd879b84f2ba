/** An answer to RingCentral stays under this many bytes, headers and body (Developer Guide, "Creating Webhooks"). */
export const MAX_ANSWER_BYTES = 1024;

/** How long RingCentral waits for an answer, in milliseconds (the same page). */
export const MAX_ANSWER_MS = 3000;

/** The event filter of an extension's voicemails; `~` is the user who logs in (API reference, "Voicemail Message Event"). */
export const voicemailFilter = (extension: string) => `/restapi/v1.0/account/~/extension/${extension}/voicemail`;

/** The extension in an event filter of voicemails, or in such an event; undefined for any other. */
export function voicemailExtension(filter: string): string | undefined {
  return /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1];
}

/** Whether a Content-Type is JSON, whatever its parameters: RingCentral takes no other answer ("Creating Webhooks"). */
export const isJson = (contentType: string) => /^application\/json\s*(;|$)/i.test(contentType);
