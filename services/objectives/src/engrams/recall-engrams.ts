import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  ENGRAM_QUERY_BYTES_MAX,
  ENGRAM_QUERY_WORDS_MAX,
  RANKED_MAX,
  type Engram,
  type getEngram,
  type recallEngrams,
} from '@mumega/contracts/engrams'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import { engramNotFound, invalidEngram, queryWithoutWords } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { checkText } from '../text.ts'
import { findEngram, hasWords, listEngrams } from './engram-repository.ts'
import { timeOf } from './engram.ts'
import { fitting, visibleTo } from './visibility.ts'

const AUTHOR_BYTES_MAX = 200
// One NATS message holds 1 MiB by default, so a page is measured.
const PAGE_BYTES_MAX = 524_288

/** @throws objectives.engram-not-found, also for what is there and not the caller's to recall */
export async function handleGetEngram(
  { db, clock }: Objectives,
  context: CallContext,
  { engramId, circles }: RequestOf<typeof getEngram>,
): Promise<ReplyOf<typeof getEngram>> {
  const { tenantId } = context
  const wanted = { tenantId, engramId, visible: visibleTo({ context, circles }), now: clock.now() }
  const found = await readAs(db, context, (trx) => findEngram(trx, wanted))
  if (found === undefined) throw engramNotFound(engramId)
  return found
}

/**
 * @throws objectives.invalid-engram, .text-too-large, .invalid-text, each naming the field,
 * .query-without-words
 */
export async function handleRecallEngrams(
  { db, clock }: Objectives,
  context: CallContext,
  asked: RequestOf<typeof recallEngrams>,
): Promise<ReplyOf<typeof recallEngrams>> {
  checkAsked(asked)
  const { circles, since, until, limit, after, order } = asked
  const query = asked.query === undefined ? undefined : wordsOf(asked.query)
  const isRanked = order === 'relevance'
  const wanted = {
    tenantId: context.tenantId,
    fitting: fitting({ context, circles }, asked),
    ...{ query, below: after, now: clock.now() },
    since: since === undefined ? undefined : timeOf('since', since),
    until: until === undefined ? undefined : timeOf('until', until),
    limit: limit + 1,
    rankedMax: isRanked ? RANKED_MAX : undefined,
  }
  const found = await readAs(db, context, async (trx) => {
    if (query !== undefined && !(await hasWords(trx, query))) throw queryWithoutWords()
    return listEngrams(trx, wanted)
  })
  const engrams = whatFits(found.slice(0, limit))
  const last = engrams.at(-1)
  const isMore = !isRanked && engrams.length < found.length && last !== undefined
  return { engrams, ...(isMore && { next: last.number }) }
}

/** @throws objectives.invalid-engram, .text-too-large, .invalid-text */
function checkAsked({ query, by, after, order }: RequestOf<typeof recallEngrams>): void {
  if (query !== undefined) checkText('query', query, ENGRAM_QUERY_BYTES_MAX)
  if (by !== undefined) checkText('by', by, AUTHOR_BYTES_MAX)
  if (order !== 'relevance') return
  if (query === undefined) {
    throw invalidEngram('order', 'is by relevance to a query; send one, or leave it out')
  }
  if (after !== undefined) {
    throw invalidEngram('after', 'does not go with the order of relevance, which is one page')
  }
}

/**
 * The query as texts are indexed: of words, with the marks that a search engine knows. What else
 * stands in it would be looked for as a part of a word that no text has.
 *
 * @throws objectives.invalid-engram
 */
function wordsOf(query: string): string {
  const words = query
    .replaceAll(/[!#$%&'()*+,./:;<=>?@[\\\]^_`{|}~]/g, ' ')
    // A hyphen means "without" in front of a word or phrase only.
    .replaceAll(/(?<=[^\s"])-|-(?![^\s"-]|"[^\s"])/g, ' ')
  if (words.split(/\s+/).filter(Boolean).length > ENGRAM_QUERY_WORDS_MAX) {
    throw invalidEngram('query', `has more than ${ENGRAM_QUERY_WORDS_MAX} words; leave some out`)
  }
  return words
}

/** As many from the front as fit into one reply; the first always does. */
function whatFits(engrams: readonly Engram[]): Engram[] {
  let bytes = 0
  const end = engrams.findIndex((engram, index) => {
    bytes += Buffer.byteLength(JSON.stringify(engram)) + 1
    return index > 0 && bytes > PAGE_BYTES_MAX
  })
  return end === -1 ? [...engrams] : engrams.slice(0, end)
}
