import { it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** util-linux' `script`, which runs a command on a terminal of its own; macOS has another one. */
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux');
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

/** For tests that need what not every system has: they are skipped by name there. */
export const itIfScript = hasScript ? it : it.skip;
export const itIfDevFull = existsSync('/dev/full') ? it : it.skip;
export const itIfIPv6 = hasIPv6 ? it : it.skip;
/** Signals that a program can handle, `sh`, pipes that do not block, modes of files. */
export const itIfNotWindows = process.platform === 'win32' ? it.skip : it;
/** Files opened anew through /dev/fd, and a named pipe that one process opens for both. */
export const itIfLinux = process.platform === 'linux' ? it : it.skip;
