import { eventually } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { vkeyOf, type Agent, type GivenSuite } from './given-suite.ts'
import type { Accepted } from './sending.ts'

const READERS = 8
const RECEIPT_MS_MAX = 60_000

/** Gets each message's receipt as its sender; what is wrong with those that do not prove it. */
export async function findUnproved(
  suite: GivenSuite,
  senders: readonly Agent[],
  messages: readonly Accepted[],
): Promise<string[]> {
  const tokens = new Map(senders.map(({ name, token }) => [name, token]))
  const vkey = vkeyOf(suite)
  const unproved: string[] = []
  const left = [...messages]
  const reader = async () => {
    for (let message = left.pop(); message !== undefined; message = left.pop()) {
      const { messageId, from, text: sentText } = message
      const text = await receiptOf(suite, { messageId, token: tokens.get(from) ?? '' })
      const { status, reason, entry } = verifyReceipt({ text, vkey })
      const isOfIt = entry?.source === 'bridge' && entry.id === messageId
      if (status !== 'valid' || !isOfIt) unproved.push(`${sentText}: ${status}, ${reason}`)
    }
  }
  await Promise.all(Array.from({ length: READERS }, reader))
  return unproved
}

/** The receipt, once a signed checkpoint covers the entry. */
async function receiptOf(
  { url }: GivenSuite,
  { messageId, token }: { messageId: string; token: string },
): Promise<string> {
  const read = async () => {
    const answer = await fetch(`${url}/v1/messages/${messageId}/receipt`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const text = await answer.text()
    if (answer.ok && !answer.headers.has('retry-after')) return text
    if (answer.ok || answer.status === 503) return undefined
    throw new Error(`${answer.status} ${text}`)
  }
  return eventually(read, { what: `the receipt of ${messageId}`, timeoutMs: RECEIPT_MS_MAX })
}
