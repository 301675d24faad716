import { ASK_TIMEOUT_SECONDS_MAX } from '@mumega/contracts/asks'
import { AppError } from '@mumega/errors'

export const tokenMissing = () =>
  new AppError(
    'gateway.token-missing',
    'unauthenticated',
    'Send a token in the header `Authorization: Bearer mmg_…`.',
  )

export const tokenUnknown = () =>
  new AppError('gateway.token-unknown', 'unauthenticated', 'This token was never issued.')

export const tokenExpired = (expiresAt: Date) =>
  new AppError(
    'gateway.token-expired',
    'unauthenticated',
    `This token expired at ${expiresAt.toISOString()}. Ask an operator for a new one.`,
  )

export const tokenRevoked = (revokedAt: Date) =>
  new AppError(
    'gateway.token-revoked',
    'unauthenticated',
    `This token was revoked at ${revokedAt.toISOString()}. Ask an operator for a new one.`,
  )

/** Nobody is let in while tokens cannot be read. */
export const cannotAuthenticate = (cause: unknown) =>
  new AppError(
    'gateway.cannot-authenticate',
    'unavailable',
    'Tokens cannot be checked at the moment; try again.',
    { cause },
  )

export const scopeMissing = (scope: string) =>
  new AppError('gateway.scope-missing', 'forbidden', `This token lacks the scope ${scope}.`, {
    details: { scope },
  })

/** A browser was led here under another name, or by another page. */
export const hostNotAllowed = (header: 'Host' | 'Origin', name: string) =>
  new AppError(
    'gateway.host-not-allowed',
    'forbidden',
    `${header} names ${name || 'nothing'}, and MCP is not served under it. Name it in ` +
      'MUMEGA_ALLOWED_HOSTS where it is right.',
    { details: { field: header } },
  )

/** Nobody hands on what they do not hold. */
export const scopeNotHeld = (scope: string) =>
  new AppError(
    'gateway.scope-not-held',
    'forbidden',
    `A token can only grant scopes that it holds itself; it lacks ${scope}.`,
    { details: { scope } },
  )

export const scopeNotForAgents = (scope: string) =>
  new AppError('gateway.scope-not-for-agents', 'invalid', `An agent cannot hold ${scope}.`, {
    details: { field: 'scopes', scope },
  })

/** To hand on all of it would be to lend the token itself. */
export const scopesNotFewer = () =>
  new AppError(
    'gateway.scopes-not-fewer',
    'invalid',
    'A delegated token has fewer scopes than the token that makes it: leave at least one out.',
    { details: { field: 'scopes' } },
  )

export const rateClassNotHeld = () =>
  new AppError(
    'gateway.rate-class-not-held',
    'forbidden',
    'A token of the rate class standard cannot make an elevated one.',
    { details: { field: 'rateClass' } },
  )

export const delegationTooDeep = (depthMax: number) =>
  new AppError(
    'gateway.delegation-too-deep',
    'forbidden',
    `This token has depth ${depthMax}, the deepest there is: it cannot delegate.`,
    { details: { depthMax } },
  )

export const tooManyDelegated = (limit: number) =>
  new AppError(
    'gateway.too-many-delegated',
    'conflict',
    `${limit} delegated tokens of this tree are live, and no more can be. Revoke one, or wait ` +
      'until one has expired.',
    { details: { limit } },
  )

/** It would outlive the tree that its maker dies with. */
export const rootRequired = () =>
  new AppError(
    'gateway.root-required',
    'forbidden',
    'A delegated token makes no operator’s token but by POST /v1/tokens/delegate.',
  )

/** The same for a tenant that is absent and for one that is another's. */
export const tenantNotFound = (tenantId: string) =>
  new AppError('gateway.tenant-not-found', 'not-found', `There is no tenant ${tenantId}.`)

export const tenantExists = (tenantId: string) =>
  new AppError('gateway.tenant-exists', 'conflict', `There already is a tenant ${tenantId}.`)

export const tenantReserved = (tenantId: string) =>
  new AppError('gateway.tenant-reserved', 'invalid', `The system keeps ${tenantId} for itself.`, {
    details: { field: 'tenantId' },
  })

export const agentExists = (name: string) =>
  new AppError(
    'gateway.agent-exists',
    'conflict',
    `There already is an agent ${name}. POST /v1/tokens gives it another token.`,
  )

export const tokenNotFound = (tokenId: string) =>
  new AppError('gateway.token-not-found', 'not-found', `There is no token ${tokenId}.`)

export const tokenAlreadyShown = (tokenId: string) =>
  new AppError(
    'gateway.token-already-shown',
    'conflict',
    `This request already made token ${tokenId}, and a secret is shown only once. If it was ` +
      `lost, revoke it with DELETE /v1/tokens/${tokenId} and make another one with a new ` +
      'Idempotency-Key.',
    { details: { tokenId } },
  )

export const charsetUnsupported = () =>
  new AppError(
    'gateway.unsupported-media-type',
    'invalid',
    'Bodies are JSON in UTF-8 only: leave `charset` out or say `charset=utf-8`.',
  )

/** `coding` is the caller's own word. */
export const contentEncoded = (coding: string) =>
  new AppError(
    'gateway.unsupported-media-type',
    'invalid',
    `Content-Encoding is ${coding.slice(0, 100)}, and bodies are read as they are: send the JSON ` +
      'uncompressed, without Content-Encoding.',
    { details: { field: 'Content-Encoding' } },
  )

export const bodyTooLate = () =>
  new AppError('gateway.request-timeout', 'invalid', 'The body did not arrive in time.')

export const textNotUtf8 = () =>
  new AppError('gateway.malformed-json', 'invalid', 'The body is not valid UTF-8.')

/** `why` is of `parseExactJson`: it quotes the key that stands there twice, or the number. */
export const bodyAmbiguous = (why: string) => {
  const field = /^the key "([^"\\]+)"/.exec(why)?.[1]
  return new AppError('gateway.malformed-json', 'invalid', `The body is ambiguous: ${why}.`, {
    details: field === undefined ? {} : { field },
  })
}

/** A request that fits its schema and breaks a rule across fields. */
export const invalidField = (field: string, problem: string) =>
  new AppError('gateway.invalid-request', 'invalid', `${field} ${problem}.`, { details: { field } })

export const hostMissing = () =>
  new AppError('gateway.malformed-request', 'invalid', 'A request names exactly one Host.')

export const authorizedTwice = () =>
  new AppError(
    'gateway.malformed-request',
    'invalid',
    'A request has one Authorization header at most.',
  )

export const noBodyExpected = () =>
  new AppError('gateway.invalid-request', 'invalid', 'This request takes no body.', {
    details: { field: 'body' },
  })

export const receiptPending = () =>
  new AppError(
    'gateway.receipt-pending',
    'unavailable',
    'The message is accepted; its entry on the ledger is not sealed yet. Ask again in a second.',
  )

/** The ledger's own words for an entry that is absent or another's. */
export const entryNotFound = (source: string, id: string) =>
  new AppError('audit-ledger.entry-not-found', 'not-found', `There is no entry ${source}/${id}.`)

/** The ledger's own words for a tile that nobody can have. */
export const noTile = () =>
  new AppError('audit-ledger.tile-not-found', 'not-found', 'There is no tile of this name.')

export const noCheckpoint = () =>
  new AppError('gateway.checkpoint-absent', 'not-found', 'The log is empty: nothing is signed yet.')

export const noWitnessedCheckpoint = () =>
  new AppError(
    'gateway.witnessed-checkpoint-absent',
    'not-found',
    'No checkpoint was cosigned by the quorum of witnesses yet, or none is configured.',
  )

/** `whose` ends a sentence about streams: `of this token`. */
export const tooManyStreams = (whose: string, limit: number) =>
  new AppError(
    'gateway.too-many-streams',
    'limited',
    `${limit} event streams and waits ${whose} are open, which is the most. ` +
      'Close one, or read GET /v1/inbox without waiting.',
  )

/** It is nobody's fault who asks. */
export const streamsFull = () =>
  new AppError(
    'gateway.streams-full',
    'unavailable',
    'This gateway has as many event streams and waits open as it can. ' +
      'Try again in some seconds, or read GET /v1/inbox without waiting.',
  )

export const connectionBusy = () =>
  invalidField('connection', 'is busy with an earlier answer; open the stream on one of its own')

/** `whose` ends a sentence about exports: `of this tenant`. */
export const tooManyExports = (whose: string, limit: number) =>
  new AppError(
    'gateway.too-many-exports',
    'limited',
    `${limit} exports ${whose} are under way, and no more are made at once. ` +
      'Wait until one has ended: the faster they are read, the sooner.',
    { details: { limit } },
  )

export const erasurePending = () =>
  new AppError(
    'gateway.erasure-pending',
    'unavailable',
    'A payload of this export was erased, and the entry that records it is not sealed yet. ' +
      'Export again in a moment.',
  )

export const payloadMissing = (index: number) =>
  new AppError(
    'gateway.payload-missing',
    'unprocessable',
    `The payload of entry ${index} is not the one that it commits to, or is gone, and no erasure ` +
      'of it is on record. Nothing is exported in its place.',
    { details: { index } },
  )

export const slowReader = (stallMs: number) =>
  new AppError(
    'gateway.slow-reader',
    'limited',
    `Nothing was read from this stream for ${stallMs} ms. Resume with Last-Event-ID.`,
  )

export const stopping = () =>
  new AppError(
    'gateway.stopping',
    'unavailable',
    'The gateway is stopping. Connect again and resume with Last-Event-ID.',
  )

/** Its question is in the inbox all the same. */
export const askStopped = () =>
  new AppError(
    'gateway.stopping',
    'unavailable',
    'The gateway is stopping. Ask again, with the same Idempotency-Key where there was one.',
  )

export const rateLimited = (max: number) =>
  new AppError(
    'gateway.rate-limited',
    'limited',
    `More than ${max} requests in a minute. Wait as long as Retry-After says.`,
    { details: { limitPerMinute: max } },
  )

/** How the API says that an asker's deadline passed, in its documentation. */
export const ASK_EXPLAINED =
  `Waits up to \`timeoutSeconds\` (at most ${ASK_TIMEOUT_SECONDS_MAX}) for the asked agent’s ` +
  'first message that names the question in `replyTo`. When there is none in time the reply is ' +
  'still 200, with `answered: false`: the question was accepted and stays in the inbox, and a ' +
  'later answer arrives in the asker’s inbox. Asking again would ask twice.'
