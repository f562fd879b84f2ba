import timers from 'node:timers/promises';

const immediate = timers.setImmediate;

/**
 * Lets time pass without waiting for it: whoever sleeps through node:timers/promises goes on at once, and the clock
 * says that the time is over. `jest.restoreAllMocks()` ends that.
 */
export function fastTime() {
  const now = Date.now.bind(Date);
  let ahead = 0;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
  const time = {
    /** Is told of each sleep once it is over. */
    onSleep: () => {},
    /** Lets the clock go ahead, as it does while this machine sleeps. */
    pass(ms: number) {
      ahead += ms;
    },
  };
  jest.spyOn(timers, 'setTimeout').mockImplementation(async <T>(ms = 0, value?: T) => {
    ahead += ms;
    await immediate();
    time.onSleep();
    return value as T;
  });
  return time;
}
