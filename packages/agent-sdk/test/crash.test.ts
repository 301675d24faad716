import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { startLoopbackServer, type LoopbackServer } from '@mumega/testkit/loopback-server'
import {
  startCompany,
  startProgram,
  stateOf,
  textsOf,
  type Company,
  type Program,
} from './given.ts'

const TEST_MS_MAX = 60_000

let company: Company
let ada: string
beforeAll(async () => {
  company = await startCompany()
  ada = (await company.join('ada')).secret
}, TEST_MS_MAX)
afterAll(async () => {
  await company.stop()
})

const send = async (to: string, text: string) => {
  const sent = await company.ask(ada, '/v1/messages', { to, text })
  return String(sent['messageId'])
}

/** The gateway behind something that may act before it hands on, or before it answers. */
function startProxy(hooks: {
  before?: (line: string) => Promise<void> | void
  after?: (line: string) => Promise<void> | void
}): Promise<LoopbackServer> {
  return startLoopbackServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const line = `${method} ${url}`
    await hooks.before?.(line)
    const handed = httpRequest(`${company.url}${url}`, { method, headers })
    request.pipe(handed)
    const [answered] = (await once(handed, 'response')) as [IncomingMessage]
    await hooks.after?.(line)
    response.writeHead(answered.statusCode ?? 502, answered.headers)
    answered.pipe(response)
  })
}

/** Gives back what a body that is gone still holds, instead of waiting for its lease to end. */
const giveBack = (token: string, messageId: string) =>
  company.ask(token, `/v1/inbox/${messageId}/hold`, { body: 'main', seconds: 0 })

async function finishes(program: Program, messageId: string): Promise<void> {
  await eventually(
    async () => (await stateOf(company, ada, messageId))?.['status'] === 'acknowledged',
    { what: 'the acknowledgement' },
  )
  program.process.kill('SIGTERM')
  await program.ended
}

test(
  'an agent that is killed before it acknowledges does not do its work a second time',
  async () => {
    const bob = (await company.join('bob')).secret
    let kill: () => void = () => undefined
    const proxy = await startProxy({
      async before(line) {
        if (!line.endsWith('/ack')) return
        kill()
        // Nothing of it reaches the gateway.
        await new Promise(() => undefined)
      },
    })
    const first = startProgram(company, { url: proxy.url, token: bob, name: 'bob' })
    kill = () => first.process.kill('SIGKILL')
    const messageId = await send('bob', 'once')
    await first.ended
    expect(await stateOf(company, ada, messageId)).toMatchObject({ status: 'fetched' })
    await giveBack(bob, messageId)

    const second = startProgram(company, { url: company.url, token: bob, name: 'bob' })
    await finishes(second, messageId)
    await proxy.stop()
    expect(second.handled()).toEqual([messageId])
  },
  TEST_MS_MAX,
)

test(
  'an agent that is killed in the middle of its work replies once, whatever it then says',
  async () => {
    const cyd = (await company.join('cyd')).secret
    let kill: () => void = () => undefined
    const proxy = await startProxy({
      async after(line) {
        if (line !== 'POST /v1/messages') return
        kill()
        await new Promise(() => undefined)
      },
    })
    const first = startProgram(company, { url: proxy.url, token: cyd, name: 'cyd' })
    kill = () => first.process.kill('SIGKILL')
    const messageId = await send('cyd', 'work')
    await first.ended
    await giveBack(cyd, messageId)

    const second = startProgram(company, { url: company.url, token: cyd, name: 'cyd' })
    await finishes(second, messageId)
    await proxy.stop()
    expect(second.handled()).toEqual([messageId, messageId])
    const replies = (await textsOf(company, ada)).filter((text) => text.startsWith('work: done'))
    expect(replies).toEqual([`work: done by ${first.process.pid}`])
  },
  TEST_MS_MAX,
)

test(
  'an agent outlives a gateway that is killed, and loses and repeats nothing',
  async () => {
    const dan = (await company.join('dan')).secret
    const program = startProgram(company, { url: company.url, token: dan, name: 'dan' })
    const sent: string[] = []
    for (let index = 0; index < 30; index += 1) sent.push(await send('dan', `job ${index}`))
    await eventually(async () => Promise.resolve(program.handled().length >= 5), { what: 'some' })
    await company.suite.kill('gateway')
    await company.suite.restart('gateway')

    const done = async () => {
      const states = await Promise.all(sent.map((messageId) => stateOf(company, ada, messageId)))
      return states.every((state) => state?.['status'] === 'acknowledged')
    }
    await eventually(done, { what: 'all to be acknowledged', timeoutMs: 50_000 })
    program.process.kill('SIGTERM')
    await program.ended
    expect(program.handled().sort()).toEqual([...sent].sort())
    const replies = (await textsOf(company, ada)).filter((text) => text.startsWith('job '))
    expect(replies).toHaveLength(30)
  },
  TEST_MS_MAX,
)
