/** The event filter of an extension's voicemails; `~` is the user who logs in (API reference, "Voicemail Message Event"). */
export const voicemailFilter = (extension: string) => `/restapi/v1.0/account/~/extension/${extension}/voicemail`;

/** The extension in an event filter of voicemails, or in such an event; undefined for any other. */
export const voicemailExtension = (filter: string) => /\/extension\/([^/?]+)\/voicemail$/.exec(filter)?.[1];

/** Whether a Content-Type is JSON: RingCentral takes no other answer (Developer Guide, "Creating Webhooks"). */
export const isJson = (contentType: string) => /^application\/json\s*(;|$)/i.test(contentType);
