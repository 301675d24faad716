import type { getReceipt } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { decodeEntry, entryHash, type LeafEntry } from '@mumega/tlog/entry'
import { leafHash, verifyInclusion } from '@mumega/tlog/merkle'
import { formatProof } from '@mumega/tlog/proof-file'
import { entryNotFound } from '../errors.ts'
import type { ServedCheckpoint } from '../witnessing/cosigned.ts'
import type { CheckpointTools } from './get-checkpoint.ts'
import { proveInclusion } from './inclusion.ts'
import { getDisclosure, findEventKey, getEntry, getHashes } from './proof-repository.ts'

export interface ReceiptTools extends CheckpointTools {
  readonly db: Knex
}

/**
 * Answers with the receipt of one entry of the caller's tenant; the operators' tenant sees every
 * chain. Waits up to `waitMs` for a checkpoint that covers it. A proof is checked against the
 * signed root before it leaves.
 *
 * @throws audit-ledger.entry-not-found, the same for an absent entry and for another tenant's
 */
export async function handleGetReceipt(
  tools: ReceiptTools,
  request: RequestOf<typeof getReceipt>,
  context: CallContext,
): Promise<ReplyOf<typeof getReceipt>> {
  const { db, checkpointer } = tools
  const { source, id } = request
  // The tenant is checked where the place is looked up; what stands at a place never changes.
  const key = await readAs(db, context, (trx) => findEventKey(trx, { source, id }))
  if (key === undefined) throw entryNotFound()
  const { index } = key
  const bytes = await getEntry(db, index)
  if (!isOf(decodeEntry(bytes), { source, id, ...key })) {
    throw new Error(`the entry at ${index} is not the one that its key names`)
  }
  await checkpointer.waitFor(index + 1, request.waitMs)
  const anchored = findCovering(tools, index)
  const disclosed = request.disclose ? await disclose(db, index) : {}
  return {
    entry: { source, id, ...key, hash: entryHash(bytes).toString('hex') },
    anchored: anchored !== undefined,
    text: await writeProof(db, { bytes, index, anchored }),
    ...disclosed,
  }
}

/**
 * The newest checkpoint of the quorum where it covers the entry: with it a receipt is believed by
 * those who do not take the log's word. Else the newest there is, with what cosignatures it has.
 */
function findCovering(
  { checkpointer, witnessing }: CheckpointTools,
  index: number,
): ServedCheckpoint | undefined {
  const witnessed = witnessing?.newest()
  if (witnessed !== undefined && witnessed.size > index) return witnessed
  const current = checkpointer.current()
  if (current === undefined || current.size <= index) return undefined
  return witnessing?.dress(current) ?? current
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
  db: Knex,
  claim: { bytes: Buffer; index: number; anchored: ServedCheckpoint | undefined },
): Promise<string> {
  const { bytes: extra, index, anchored } = claim
  if (anchored === undefined) return formatProof({ extra, index, hashes: [] })
  const { size, root, note } = anchored
  const hashes = await proveInclusion(size, index, (ranges) => getHashes(db, ranges))
  if (!verifyInclusion({ leafHash: leafHash(extra), index, size, proof: hashes, root })) {
    throw new Error(`the stored nodes do not prove entry ${index} under the checkpoint of ${size}`)
  }
  return formatProof({ extra, index, hashes, checkpoint: note })
}

/** What stands behind the commitment, or the id of the entry that says that it was erased. */
async function disclose(
  db: Knex,
  index: number,
): Promise<Pick<ReplyOf<typeof getReceipt>, 'disclosure' | 'redactionId'>> {
  const found = await getDisclosure(db, index)
  if ('redactionId' in found) return found
  // Written by the ledger itself, from an object.
  const payload = JSON.parse(found.payload) as Record<string, unknown>
  return { disclosure: { salt: found.salt.toString('hex'), payload } }
}
