import { formatCheckpoint } from '@mumega/tlog/checkpoint'
import { commitPayload, encodeEntry, entryHash, GENESIS, type LeafEntry } from '@mumega/tlog/entry'
import { inclusionProof, leafHash, rootOf } from '@mumega/tlog/merkle'
import { generateVkey, signerFromSeed, signNote } from '@mumega/tlog/note'
import { formatProof } from '@mumega/tlog/proof-file'
import { redactionTarget } from '@mumega/tlog/receipt'

const log = signerFromSeed('ledger.example.com/main', Buffer.alloc(32, 1))
const salt = Buffer.alloc(32, 7)

export const vkey = generateVkey(log.name, log.publicKey)
export const strangerVkey = generateVkey(
  log.name,
  signerFromSeed(log.name, Buffer.alloc(32, 2)).publicKey,
)
export const disclosure = { salt: salt.toString('hex'), payload: { text: 'hello' } }

const SOURCE = 'bridge'

function idOf(nth: number): string {
  return `0193a0b0-1111-7000-8000-0000000000${String(nth).padStart(2, '0')}`
}

/** Entries of one chain; the last one records that the second one's payload was erased. */
function givenEntries(count: number): Buffer[] {
  const entries: Buffer[] = []
  for (let nth = 0; nth < count; nth += 1) {
    const previous = entries.at(-1)
    const erasure: Partial<LeafEntry> = {
      source: 'audit-ledger',
      action: 'payload.redacted',
      target: redactionTarget({ source: SOURCE, id: idOf(1) }),
    }
    entries.push(
      encodeEntry({
        v: 1,
        source: SOURCE,
        id: idOf(nth),
        chain: 'acme',
        seq: nth + 1,
        prev: previous === undefined ? GENESIS : entryHash(previous).toString('hex'),
        time: '2026-11-21T08:00:00.000Z',
        actor: { id: 'agent:kasra', kind: 'agent' },
        action: 'message.accepted',
        // What a page must never take for its own text.
        target: '<img src=x onerror="document.title=1">\u202e',
        phase: 'fact',
        trace: '4bf92f3577b34da6a3ce929d0e0e4736',
        payload: commitPayload(salt, disclosure.payload).toString('hex'),
        ...(nth === count - 1 && erasure),
      }),
    )
  }
  return entries
}

const entries = givenEntries(21)
const leaves = entries.map(leafHash)

/** The receipt of one entry under a signed checkpoint of all; without `isAnchored`, pending. */
export function givenReceipt(index: number, isAnchored = true): string {
  const extra = entries[index]
  if (extra === undefined) throw new Error(`there is no entry ${index}`)
  if (!isAnchored) return formatProof({ extra, index, hashes: [] })
  const root = rootOf(leaves)
  const checkpoint = formatCheckpoint({ origin: log.name, size: leaves.length, root })
  const hashAt = (level: number, at: number) =>
    rootOf(leaves.slice(at * 2 ** level, (at + 1) * 2 ** level))
  const hashes = inclusionProof(leaves.length, index, hashAt)
  return formatProof({ extra, index, hashes, checkpoint: signNote(checkpoint, log) })
}
