import { appendFileSync } from 'node:fs'
import { connectAgent } from '@mumega/agent-sdk'

const { MUMEGA_URL: url = '', MUMEGA_TOKEN: token = '', JOURNAL: journal = '' } = process.env
const log = process.env['LOG'] ?? ''

/** Writes down each message that it is given, and answers it in words that are never the same. */
const agent = await connectAgent({ url, token, journal })
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
await agent.work(
  async ({ messageId, text, reply }) => {
    appendFileSync(log, `${messageId}\n`)
    await reply(`${text}: done by ${process.pid}`)
  },
  { signal: stop.signal },
)
