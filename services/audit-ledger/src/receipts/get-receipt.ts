import type { getReceipt } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { decodeEntry, entryHash, type LeafEntry } from '@mumega/tlog/entry'
import { leafHash, verifyInclusion } from '@mumega/tlog/merkle'
import { formatProof } from '@mumega/tlog/proof-file'
import { entryNotFound } from '../errors.ts'
import type { StoredCheckpoint } from '../signing/checkpoint-repository.ts'
import type { Checkpointer } from '../signing/checkpointer.ts'
import { proveInclusion } from './inclusion.ts'
import { findDisclosure, findEventKey, getEntry, getHashes } from './proof-repository.ts'

export interface ReceiptTools {
  readonly db: Knex
  readonly checkpointer: Checkpointer
}

/**
 * Answers with the receipt of one entry of the caller's tenant; the operators' tenant sees every chain. Waits up to
 * `waitMs` for a checkpoint that covers it. A proof is checked against the signed root before it leaves.
 *
 * @throws audit-ledger.entry-not-found, the same for an absent entry and for another tenant's
 */
export async function handleGetReceipt(
  { db, checkpointer }: ReceiptTools,
  request: RequestOf<typeof getReceipt>,
  context: CallContext,
): Promise<ReplyOf<typeof getReceipt>> {
  const { source, id } = request
  const key = await readAs(db, context, (trx) => findEventKey(trx, { source, id }))
  if (key === undefined) throw entryNotFound()
  await checkpointer.waitFor(key.index + 1, request.waitMs)
  return readAs(db, context, async (trx) => {
    const bytes = await getEntry(trx, key.index)
    const entry = decodeEntry(bytes)
    if (!isOf(entry, { source, id, ...key })) {
      throw new Error(`the entry at ${key.index} is not the one that its key names`)
    }
    const checkpoint = checkpointer.current()
    const anchored =
      checkpoint !== undefined && checkpoint.size > key.index ? checkpoint : undefined
    const disclosure = request.disclose ? await disclose(trx, key.index) : undefined
    return {
      entry: { source, id, ...key, hash: entryHash(bytes).toString('hex') },
      anchored: anchored !== undefined,
      text: await writeProof(trx, { bytes, index: key.index, anchored }),
      ...(disclosure !== undefined && { disclosure }),
    }
  })
}

interface Claimed {
  source: string
  id: string
  chain: string
  seq: number
}

function isOf(entry: LeafEntry, claimed: Claimed): boolean {
  return (
    entry.source === claimed.source &&
    entry.id === claimed.id &&
    entry.chain === claimed.chain &&
    entry.seq === claimed.seq
  )
}

async function writeProof(
  trx: Knex.Transaction,
  claim: { bytes: Buffer; index: number; anchored: StoredCheckpoint | undefined },
): Promise<string> {
  const { bytes: extra, index, anchored } = claim
  if (anchored === undefined) return formatProof({ extra, index, hashes: [] })
  const { size, root, note } = anchored
  const hashes = await proveInclusion(size, index, (range) => getHashes(trx, range))
  if (!verifyInclusion({ leafHash: leafHash(extra), index, size, proof: hashes, root })) {
    throw new Error(`the stored nodes do not prove entry ${index} under the checkpoint of ${size}`)
  }
  return formatProof({ extra, index, hashes, checkpoint: note })
}

async function disclose(trx: Knex.Transaction, index: number) {
  const found = await findDisclosure(trx, index)
  if (found === undefined) return undefined
  // Written by the ledger itself, from an object.
  const payload = JSON.parse(found.payload) as Record<string, unknown>
  return { salt: found.salt.toString('hex'), payload }
}
