import { decodeEntry, entryHash, type LeafEntry } from '@mumega/tlog/entry'
import type { CheckedHead } from './chain-check.ts'
import type { ChainEnd, PointedEntry } from './key-repository.ts'
import type { PassFindings } from './finding.ts'
import { describe, keyPlace, reportExtra } from './key-check.ts'
import type { Pass } from './pass.ts'

/**
 * Compares a chain's row, and the keys at its end, with the chain's last entry. Whatever stands
 * behind that is extra: an earlier place belongs to an entry, and was looked at with it.
 */
export function checkChainEnd(pass: EndTools, end: ChainEnd): void {
  const { findings, chains } = pass
  const { chain, row, keys } = end
  let last = chains.headOf(chain)
  for (const pointed of keys) {
    if (isHidden(pass, pointed)) {
      findings.hide()
      return
    }
    if (isOwn(pointed)) {
      const { seq } = pointed.key
      const head = pointed.bytes === undefined ? '' : entryHash(pointed.bytes).toString('hex')
      if (last === undefined || seq > last.seq) last = { seq, head, isInDoubt: false }
      break
    }
    reportWrong(findings, pointed)
  }
  compareRow(findings, { chain, row, last })
}

type EndTools = Pick<Pass, 'findings' | 'chains' | 'doubtful' | 'isMissing'>

/** Whether something is wrong already where the key points, so that it can judge nobody. */
function isHidden({ doubtful, isMissing }: EndTools, { key, batchIndex }: PointedEntry): boolean {
  return isMissing(key.index) || (batchIndex !== undefined && doubtful.has(batchIndex))
}

/** Whether the entry to which the key points is the key's. */
function isOwn({ key, bytes }: PointedEntry): boolean {
  const entry = decodeFound(bytes)
  return (
    entry !== undefined &&
    entry.chain === key.chain &&
    entry.seq === key.seq &&
    entry.source === key.source &&
    entry.id === key.id
  )
}

export function decodeFound(bytes: Buffer | undefined): LeafEntry | undefined {
  if (bytes === undefined) return undefined
  try {
    return decodeEntry(bytes)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

function reportWrong(findings: PassFindings, { key, bytes }: PointedEntry): void {
  const entry = decodeFound(bytes)
  const hasName = entry?.source === key.source && entry.id === key.id
  const hasPlace = entry?.chain === key.chain && entry.seq === key.seq
  const place = keyPlace(entry !== undefined && hasPlace ? entry : key)
  // Most of these were seen at their entry, with more to tell.
  if (findings.isReported(place)) return
  if (entry === undefined || (!hasName && !hasPlace)) {
    reportExtra(findings, key)
    return
  }
  findings.report({
    kind: 'key-altered',
    place,
    expected: describe({ chain: entry.chain, seq: entry.seq, index: key.index }),
    found: `${keyPlace(key)}, ${describe(key)}`,
  })
}

function compareRow(
  findings: PassFindings,
  { chain, row, last }: Pick<ChainEnd, 'chain' | 'row'> & { last: CheckedHead | undefined },
): void {
  const place = `chain ${chain}`
  if (last?.isInDoubt === true) {
    findings.hide()
    return
  }
  const found = row && `seq ${row.seq}, head ${row.head.toString('hex')}`
  const expected = last && `seq ${last.seq}, head ${last.head}`
  if (found === expected) return
  if (found === undefined) {
    findings.report({
      kind: 'chain-head-missing',
      place,
      expected: expected ?? '',
      found: 'no row',
    })
  } else {
    const kind = expected === undefined ? 'chain-head-extra' : 'chain-head-altered'
    findings.report({ kind, place, expected: expected ?? 'no row', found })
  }
}
