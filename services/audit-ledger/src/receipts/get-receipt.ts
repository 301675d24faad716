import type { getReceipt } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { asUnavailable } from '@mumega/db/unavailable'
import { entryHash } from '@mumega/tlog/entry'
import { leafHash, verifyInclusion } from '@mumega/tlog/merkle'
import { formatProof } from '@mumega/tlog/proof-file'
import { entryNotFound } from '../errors.ts'
import type { ServedCheckpoint } from '../witnessing/cosigned.ts'
import type { CheckpointTools } from './get-checkpoint.ts'
import { proveInclusion } from './inclusion.ts'
import { placeOf } from './place-of.ts'
import { findEntry, getDisclosure } from './proof-repository.ts'
import type { UpperNodes } from './upper-nodes.ts'

export interface ReceiptTools extends CheckpointTools {
  readonly db: Knex
  readonly nodes: UpperNodes
}

/**
 * Answers with the receipt of one entry of the caller's tenant; the operators' tenant sees every
 * chain. Waits up to `waitMs` for a checkpoint that covers it. A proof is checked against the
 * signed root before it leaves.
 *
 * @throws audit-ledger.entry-not-found, the same for an absent entry and for another tenant's;
 * db.unavailable
 */
export async function handleGetReceipt(
  tools: ReceiptTools,
  request: RequestOf<typeof getReceipt>,
  context: CallContext,
): Promise<ReplyOf<typeof getReceipt>> {
  const { db, checkpointer } = tools
  const { source, id } = request
  // The tenant is checked where the place is looked up; what stands at a place never changes.
  const found = await readAs(db, context, (trx) => findEntry(trx, { source, id }))
  if (found === undefined) throw entryNotFound()
  const { bytes } = found
  const key = placeOf(found, { source, id })
  const { index } = key
  await checkpointer.waitFor(index + 1, request.waitMs)
  const anchored = findCovering(tools, index)
  const disclosed = request.disclose ? await asUnavailable(() => disclose(db, index)) : {}
  return {
    entry: { source, id, ...key, hash: entryHash(bytes).toString('hex') },
    anchored: anchored !== undefined,
    text: await asUnavailable(() => writeProof(tools.nodes, { bytes, index, anchored })),
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

// With what is kept of the nodes, and with all of them read again.
const PROOFS_MAX = 2

async function writeProof(
  nodes: UpperNodes,
  claim: { bytes: Buffer; index: number; anchored: ServedCheckpoint | undefined },
): Promise<string> {
  const { bytes: extra, index, anchored } = claim
  if (anchored === undefined) return formatProof({ extra, index, hashes: [] })
  const { size, root, note } = anchored
  for (let nth = 0; nth < PROOFS_MAX; nth += 1) {
    const hashes = await proveInclusion(size, index, (wanted) => nodes.read(size, wanted))
    if (verifyInclusion({ leafHash: leafHash(extra), index, size, proof: hashes, root })) {
      return formatProof({ extra, index, hashes, checkpoint: note })
    }
    // What is kept may have been read while it was altered, and be mended by now.
    nodes.forget()
  }
  throw new Error(`the stored nodes do not prove entry ${index} under the checkpoint of ${size}`)
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
