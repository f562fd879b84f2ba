/** RingCentral takes answers under this many bytes, headers included (Developer Guide, "Creating Webhooks"). */
export const MAX_ANSWER_BYTES = 1024;

/** Whether a Content-Type is JSON, whatever its parameters. */
export function isJson(contentType: string): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType);
}
