import type { listDeadLetters } from '@mumega/contracts/dead-letters'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { invalidCursor } from '../errors.ts'
import { checkOperator } from '../identity.ts'
import { listDeadLettersBefore } from './dead-letter-repository.ts'

/** Newest first, without their bodies. @throws bridge.operators-only, bridge.invalid-cursor */
export async function handleListDeadLetters(
  { db }: Bridge,
  context: CallContext,
  { limit, before }: RequestOf<typeof listDeadLetters>,
): Promise<ReplyOf<typeof listDeadLetters>> {
  checkOperator(context)
  const page = { before: positionOf(before), limit: limit + 1 }
  const found = await readAs(db, context, (trx) => listDeadLettersBefore(trx, page))
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  return {
    deadLetters: listed.map(({ letter, replayedAt }) => ({
      ...letter,
      ...(replayedAt === undefined ? {} : { replayedAt: replayedAt.toISOString() }),
    })),
    ...(found.length > limit && last !== undefined ? { next: String(last.number) } : {}),
  }
}

function positionOf(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER
  if (!/^[1-9][0-9]{0,14}$/.test(cursor)) throw invalidCursor()
  return Number(cursor)
}
