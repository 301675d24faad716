import { AppError } from '@mumega/errors'

export function chainSeqCollision(chain: string): AppError {
  return new AppError(
    'audit-ledger.chain-seq-collision',
    'conflict',
    `The head of the chain ${chain} is another one. Read it again and decide anew.`,
    { details: { chain } },
  )
}

export function idReused(source: string, id: string): AppError {
  return new AppError(
    'audit-ledger.id-reused',
    'conflict',
    'This event id was sealed before with other content. The first entry stands.',
    { details: { source, id } },
  )
}

export function payloadTooLarge(actualBytes: number, limitBytes: number): AppError {
  return new AppError(
    'audit-ledger.payload-too-large',
    'too-large',
    `The payload has ${actualBytes} bytes in canonical form; ${limitBytes} is the limit.`,
    { details: { actualBytes, limitBytes } },
  )
}

export function intentInvalid(reason: string): AppError {
  return new AppError('audit-ledger.intent-invalid', 'invalid', `The intent is refused: ${reason}.`)
}

export function sourceMismatch(source: string): AppError {
  return new AppError(
    'audit-ledger.source-mismatch',
    'forbidden',
    `Only the service ${source} itself may append as ${source}.`,
    { details: { source } },
  )
}

export function notSealing(reason: string): AppError {
  return new AppError(
    'audit-ledger.not-sealing',
    'unavailable',
    `The ledger seals nothing now: ${reason}. What was sent on the bus is kept.`,
  )
}

export function invalidCursor(): AppError {
  return new AppError(
    'audit-ledger.invalid-cursor',
    'invalid',
    'The value of `before` is not a cursor of this list. Take `next` of a page, or none.',
  )
}

/** For what is of every chain. */
export function operatorsOnly(): AppError {
  return new AppError('audit-ledger.operators-only', 'forbidden', 'This is for operators only.')
}

/** `problem` goes on from the field's name: `is no date of the calendar`. */
export function invalidFilter(field: string, problem: string): AppError {
  return new AppError('audit-ledger.invalid-filter', 'invalid', `${field} ${problem}.`, {
    details: { field },
  })
}

/** The same for an entry that does not exist and for another tenant's. */
export function entryNotFound(): AppError {
  return new AppError('audit-ledger.entry-not-found', 'not-found', 'There is no such entry.')
}

export function tileNotFound(): AppError {
  return new AppError(
    'audit-ledger.tile-not-found',
    'not-found',
    'The signed log does not reach that far.',
  )
}

export function schemaDiffers(own: string, found: string): AppError {
  const remedy = own < found ? 'Update this ledger' : 'Bring the database up to date'
  return new AppError(
    'audit-ledger.schema-differs',
    'invalid',
    `This ledger is made for the schema ${own}, and the database has ${found}. ${remedy}: until then it does not lead.`,
    { details: { own, found } },
  )
}

export function notRedactable(): AppError {
  return new AppError(
    'audit-ledger.not-redactable',
    'unprocessable',
    'What the ledger itself put on record stays: it tells who erased what, and why.',
  )
}

export function redactionInvalid(field: string, problem: string): AppError {
  return new AppError('audit-ledger.redaction-invalid', 'invalid', `${field} ${problem}.`, {
    details: { field },
  })
}

/** For what must be complete: a page of a search says instead that it is not. */
export function indexBehind(entries: number): AppError {
  return new AppError(
    'audit-ledger.index-behind',
    'unavailable',
    `The search index does not have the last ${entries} entries yet, or is being mended. ` +
      'Try again in a moment, or export the whole chain, which needs no index.',
    { details: { entries } },
  )
}

export function checkpointNotReached(size: number): AppError {
  return new AppError(
    'audit-ledger.checkpoint-not-reached',
    'not-found',
    `No signed checkpoint covers ${size} entries. Ask for the newest one first.`,
    { details: { size } },
  )
}

export function checkpointFileUnusable(cause: unknown): AppError {
  return new AppError(
    'audit-ledger.checkpoint-file-unusable',
    'invalid',
    'The folder of LEDGER_CHECKPOINT_FILE is missing or cannot be written to. Make it, for this user.',
    { cause },
  )
}

/** `why` is the end of a sentence about the folder. */
export function anchorDirUnusable(why: string, cause?: unknown): AppError {
  return new AppError(
    'audit-ledger.anchor-dir-unusable',
    'invalid',
    `The folder for anchors (LEDGER_ANCHOR_DIR, or else beside the checkpoint's copy) ${why}.`,
    { cause },
  )
}

export function anchorBucketUnusable(why: string, cause?: unknown): AppError {
  return new AppError('audit-ledger.anchor-bucket-unusable', 'invalid', `${why}.`, { cause })
}

export function policyUnusable(why: string, cause?: unknown): AppError {
  return new AppError(
    'audit-ledger.policy-unusable',
    'invalid',
    `LEDGER_WITNESS_POLICY_FILE ${why}.`,
    { cause },
  )
}

export function tsaUnusable(why: string, cause?: unknown): AppError {
  return new AppError('audit-ledger.tsa-unusable', 'invalid', `${why}.`, { cause })
}

export function timestampNotFound(size: number): AppError {
  return new AppError(
    'audit-ledger.timestamp-not-found',
    'not-found',
    'No time-stamp was kept for a checkpoint of this size.',
    { details: { size } },
  )
}
