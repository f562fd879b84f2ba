import { setTimeout as sleep } from 'node:timers/promises';
import type { Say } from '../program.js';
import { RingCentralError } from './errors.js';

/** The longest Retry-After that is waited out, in seconds. */
const MAX_WAIT_SECONDS = 60;

export interface Patience {
  say: Say;
  /** How long to wait before a GET that failed with a 5xx is sent once more, in milliseconds. */
  pauseMs: number;
  signal?: AbortSignal | undefined;
}

/** Sends, and once more if RingCentral asks for a short wait, or if a GET meets a 5xx. Throws what `send` throws. */
export async function sendTwice(
  method: string,
  send: () => Promise<Response>,
  { say, pauseMs, signal }: Patience,
): Promise<Response> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof RingCentralError)) throw error;
    const { status, retryAfterSeconds: seconds = Infinity } = error;
    const isPassing = method === 'GET' && status >= 500;
    if (!isPassing && seconds > MAX_WAIT_SECONDS) throw error;
    if (!isPassing) say(`Too many requests: waiting ${seconds} s, as RingCentral asks.`);
    await sleep(isPassing ? pauseMs : seconds * 1000, undefined, signal && { signal });
    return send();
  }
}
