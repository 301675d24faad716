import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import {
  startCompany,
  startProgram,
  startProxy,
  stateOf,
  textsOf,
  type Company,
  type Program,
} from './given.ts'

const TEST_MS_MAX = 60_000
// A restart on a busy machine, and the lease that may end meanwhile.
const OUTAGE_MS_MAX = 120_000

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
    const proxy = await startProxy(company, {
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
    const proxy = await startProxy(company, {
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
  'an agent whose answers are lost is given the same again, and waits for no lease to end',
  async () => {
    const eve = (await company.join('eve')).secret
    let isLost = true
    const proxy = await startProxy(company, {
      async after(line) {
        if (line !== 'POST /v1/inbox/receive' || !isLost) return
        isLost = false
        throw new Error('the answer is lost on its way')
      },
    })
    const messageId = await send('eve', 'again')
    const program = startProgram(company, { url: proxy.url, token: eve, name: 'eve' })
    await finishes(program, messageId)
    await proxy.stop()
    expect(isLost).toBe(false)
    expect(await stateOf(company, ada, messageId)).toMatchObject({ attempts: 1 })
  },
  TEST_MS_MAX,
)

test(
  'an agent outlives that nobody hears of its long work while it is at it',
  async () => {
    const fay = (await company.join('fay')).secret
    let [unheard, unheardBefore] = [0, Infinity]
    const proxy = await startProxy(company, {
      async before(line) {
        if (line === 'POST /v1/heartbeats') {
          unheard += 1
          throw new Error('a heartbeat is lost on its way')
        }
        if (line !== 'POST /v1/messages') return
        unheardBefore = Math.min(unheard, unheardBefore)
        // It tries twice to say that it has begun.
        await eventually(async () => Promise.resolve(unheard >= unheardBefore + 2), {
          what: 'heartbeats of the work',
        })
        await stateOf(company, ada, messageId)
      },
    })
    const messageId = await send('fay', 'long')
    const program = startProgram(company, { url: proxy.url, token: fay, name: 'fay' })
    await finishes(program, messageId)
    await proxy.stop()
    expect(program.process.exitCode).toBe(0)
    expect(program.handled()).toEqual([messageId])
  },
  TEST_MS_MAX,
)

test(
  'an agent outlives a gateway that is killed, and loses and repeats nothing',
  async () => {
    const dan = (await company.join('dan')).secret
    const program = startProgram(company, { url: company.url, token: dan, name: 'dan' })
    const sent: string[] = []
    for (let index = 0; index < 20; index += 1) sent.push(await send('dan', `job ${index}`))
    await eventually(async () => Promise.resolve(program.handled().length >= 5), { what: 'some' })
    await company.suite.kill('gateway')
    await company.suite.restart('gateway')

    const isDone = async (messageId: string) =>
      (await stateOf(company, ada, messageId))?.['status'] === 'acknowledged'
    const timeoutMs = OUTAGE_MS_MAX
    for (const messageId of sent) {
      await eventually(() => isDone(messageId), { what: 'all to be acknowledged', timeoutMs })
    }
    program.process.kill('SIGTERM')
    await program.ended
    // A gateway that needs longer than a lease to come back may let a job be begun anew.
    expect(new Set(program.handled())).toEqual(new Set(sent))
    const replies = (await textsOf(company, ada)).filter((text) => text.startsWith('job '))
    expect(replies).toHaveLength(sent.length)
  },
  TEST_MS_MAX + OUTAGE_MS_MAX,
)
