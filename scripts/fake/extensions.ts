import { Router } from 'express';
import { pageOf } from './paging.js';
import type { State } from './state.js';
import { ACCOUNT_ID, EXTENSION_ID } from './voicemail.js';

/** An extension as the list has it. Any field can be missing, and new types turn up. */
export interface Extension {
  id?: number | string;
  extensionNumber?: string;
  name?: string;
  type?: string;
  status?: string;
}

/** A small company: the user, a colleague, one who has left, a call queue, and a menu, which has no mailbox. */
export function someExtensions(): Extension[] {
  const id = Number(EXTENSION_ID);
  return [
    { id, extensionNumber: '101', name: 'Ada Byron', type: 'User', status: 'Enabled' },
    { id: id + 1, extensionNumber: '102', name: 'Charles Babbage', type: 'User', status: 'Enabled' },
    { id: id + 2, extensionNumber: '104', name: 'Luigi Menabrea', type: 'User', status: 'Disabled' },
    { id: id + 3, extensionNumber: '200', name: 'Support', type: 'Department', status: 'Enabled' },
    { id: id + 4, extensionNumber: '300', name: 'Reception menu', type: 'IvrMenu', status: 'Enabled' },
  ];
}

/** The list of all extensions of the account. */
export function extensionsApi(state: State): Router {
  return Router().get(`/restapi/v1.0/account/${ACCOUNT_ID}/extension`, ({ originalUrl }, res) => {
    const url = new URL(originalUrl, state.url);
    res.json(pageOf(state.extensions, url, state.maxExtensionsPerPage, state));
  });
}
