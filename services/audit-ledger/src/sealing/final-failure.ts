/** What no further try can mend: sealing ends with it. */
export class FinalFailure extends Error {}
