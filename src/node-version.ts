import { engines } from '../package.json';

// All programs load this first: an older Node.js would only fail later, at work.
const needed = engines.node.replace('>=', '');
if (process.versions.node.localeCompare(needed, 'en', { numeric: true }) < 0) {
  console.error(`Node.js ${needed} or later is needed, and this is ${process.versions.node}: see https://nodejs.org`);
  process.exit(1);
}
