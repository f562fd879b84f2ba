import { Router, type Response } from 'express';
import { notFound } from './api-errors.js';
import { STORE } from './message-store.js';
import type { State } from './state.js';

/** Ten frames of silence: MPEG 1 layer III, 128 kbit/s, 44.1 kHz. */
const SILENCE = Buffer.concat(Array.from({ length: 10 }, () => Buffer.concat([Buffer.of(255, 251, 144, 0)], 417)));
const CHUNK_BYTES = 64 * 1024;

/** What is attached to messages: transcripts, and recordings for as long as their message is stored. */
export function attachmentsApi(state: State): Router {
  return Router().get(`${STORE}/:messageId/content/:attachmentId`, async ({ params }, res) => {
    const { extensionId, messageId, attachmentId } = params;
    const text = state.transcripts.get(attachmentId);
    if (text !== undefined) return send(res, Buffer.from(text), 'text/plain; charset=utf-8', state);
    const message = state.storeOf(extensionId)?.find(({ id }) => String(id) === messageId);
    const attachment = message?.attachments?.find(({ uri }) => uri?.endsWith(`/content/${attachmentId}`));
    if (attachment?.type !== 'AudioRecording') throw notFound('attachmentId');
    await send(res, state.recordings.get(attachmentId) ?? SILENCE, attachment.contentType ?? 'audio/mpeg', state);
  });
}

/** Sends a content in at least four parts, each when the test lets it go. */
async function send(res: Response, content: Buffer, type: string, state: State): Promise<void> {
  const { length } = content;
  const range = state.partial && { 'Content-Range': `bytes 0-${length - 1}/${length}` };
  res.writeHead(state.partial ? 206 : 200, { 'Content-Type': type, 'Content-Length': length, ...range });
  const size = Math.min(CHUNK_BYTES, Math.ceil(length / 4));
  for (let sent = 0; sent < length; sent += size) {
    if ((await state.onChunk(sent)) === 'cut') return void res.destroy();
    // Each part is out before the next: what is cut off had begun to arrive.
    await new Promise((resolve) => res.write(content.subarray(sent, sent + size), resolve));
    if (res.destroyed) return;
  }
  res.end();
}
