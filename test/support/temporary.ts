import { afterAll } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = mkdtempSync(join(tmpdir(), 'voicemail-webhook-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;

/** The path of a new empty folder, without a `.env`: no test may see the settings of who runs it. */
export function temporaryFolder(): string {
  const folder = join(root, String(++count));
  mkdirSync(folder);
  return folder;
}
