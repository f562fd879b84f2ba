/** Something foreseen went wrong. The message is for a person: what happened, the likely cause, what to do next. */
export class Failure extends Error {}
