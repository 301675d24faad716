import { ask } from '../e2e/given-run.ts'
import type { Agent, GivenSuite } from './given-suite.ts'

export interface InboxMessage {
  position: number
  messageId: string
  from: string
  text: string
}

const PAGE = 100
const PAGES_MAX = 100

/** Everything in an agent's inbox, as the agent reads it over HTTP, in its order. */
export async function readInbox({ url }: GivenSuite, { token }: Agent): Promise<InboxMessage[]> {
  const messages: InboxMessage[] = []
  let after: string | undefined = '0'
  for (let page = 0; after !== undefined && page < PAGES_MAX; page += 1) {
    const answer = await ask(`${url}/v1/inbox?limit=${PAGE}&after=${after}`, { token })
    if (answer.status !== 200) throw new Error(`inbox: ${JSON.stringify(answer)}`)
    const { messages: read, next } = answer.body as { messages: InboxMessage[]; next?: string }
    messages.push(...read)
    after = next
  }
  return messages
}
