import { expect, it } from '@jest/globals';
import { voicemailFilter } from '../../src/contract.js';
import { refusedFilters, voicemailExtension } from '../../src/ringcentral/event-filters.js';

const OWN = voicemailFilter('~');
const PRESENCE = '/restapi/v1.0/account/~/presence';
const [ONE, TWO] = [voicemailFilter('11'), voicemailFilter('22')] as const;
/** The filter of an extension as RingCentral lists it. */
const listed = (extension: string) => `/restapi/v1.0/account/809646016/extension/${extension}/voicemail`;

const SMS = '/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS';
const asked = { [OWN]: '~', [ONE]: '11', [listed('22')]: '22', [SMS]: undefined, [PRESENCE]: undefined };
it.each(Object.entries({ ...asked, [`${OWN}/x`]: undefined }))('%s asks for the mailbox %s', (filter, extension) => {
  expect(voicemailExtension(filter)).toBe(extension);
});

it.each<[string, string[], string[], string[]]>([
  ['as they were asked for', [OWN], [OWN], []],
  ['with ids in place of ~', [listed('11')], [OWN], []],
  ['in another order', [listed('22'), listed('11')], [ONE, TWO], []],
  ['with ~ beside an id', [listed('11'), listed('22')], [OWN, TWO], []],
  ['with ~ behind an id', [listed('11'), listed('22')], [TWO, OWN], []],
  ['and more of them', [OWN, PRESENCE], [OWN], []],
  ['none', [], [OWN], [OWN]],
  ['another in its place', [PRESENCE], [OWN], [OWN]],
  ['one of two extensions', [listed('11')], [ONE, TWO], [TWO]],
  ['all but the own extension', [listed('22')], [OWN, TWO], [OWN]],
  ['all but the other extension', [listed('11')], [TWO, OWN], [TWO]],
  ['one of two kinds', [listed('11')], [OWN, PRESENCE], [PRESENCE]],
  ['another extension', [listed('33')], [TWO], [TWO]],
])('what RingCentral left out is known if it lists %s', (_, eventFilters, asked, left) => {
  const reason = 'RingCentral left it out';
  expect(refusedFilters({ eventFilters, disabledFilters: [] }, asked, '11')).toEqual(
    new Map(left.map((filter) => [filter, reason])),
  );
});

it('knows what is disabled, with the reason, in the words of who asked, whether it is listed or not', () => {
  const disabledFilters = [{ filter: listed('22'), reason: 'No permission' }];
  const expected = new Map([[TWO, 'No permission']]);
  expect(refusedFilters({ eventFilters: [listed('11')], disabledFilters }, [ONE, TWO], '11')).toEqual(expected);
  expect(refusedFilters({ eventFilters: [listed('11'), listed('22')], disabledFilters }, [ONE, TWO], '11')).toEqual(
    expected,
  );
});

it.each([
  [[listed('33')], [OWN], []],
  [[PRESENCE], [OWN], [OWN]],
  [[listed('33')], [TWO], [TWO]],
])('any extension may be the own one as long as that is not known: %j for %j', (eventFilters, asked, left) => {
  const refused = refusedFilters({ eventFilters, disabledFilters: [] }, asked, '~');
  expect([...refused.keys()]).toEqual(left);
});
