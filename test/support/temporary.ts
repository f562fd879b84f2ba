import { afterAll } from '@jest/globals';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// On macOS it is behind a symbolic link, and programs name the real folder.
const root = realpathSync.native(mkdtempSync(join(tmpdir(), 'voicemail-webhook-')));
// On Windows a program that was killed a moment ago may still hold its folder.
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

let count = 0;

/** The path of a new empty folder, without a `.env`: no test may see the settings of who runs it. */
export function temporaryFolder(): string {
  const folder = join(root, String(++count));
  mkdirSync(folder);
  return folder;
}
