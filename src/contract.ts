/** RingCentral's numbers and names that more than one file needs. */

/** An answer to RingCentral stays under this many bytes, headers and body (Developer Guide, "Creating Webhooks"). */
export const MAX_ANSWER_BYTES = 1024;

/** How long RingCentral waits for an answer, in milliseconds (the same page). */
export const MAX_ANSWER_MS = 3000;

/** The event filter of an extension's voicemails; `~` is the user who logs in (API reference, "Voicemail Message Event"). */
export function voicemailFilter(extension: string): string {
  return `/restapi/v1.0/account/~/extension/${extension}/voicemail`;
}

/** Whether a Content-Type is JSON, whatever its parameters: RingCentral takes no other answer ("Creating Webhooks"). */
export function isJson(contentType: string): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType);
}
