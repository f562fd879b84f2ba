import { types } from 'node:util';

/**
 * Jest gives each test file globals of its own, so an error that Node.js itself throws is no instance of the file's
 * `Error`, and what is tested would take it for something else. Importing this mends that.
 */
Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: ErrorConstructor, value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    if (!types.isNativeError(value)) return false;
    return this === Error || (this === SyntaxError && value.name === 'SyntaxError');
  },
});
