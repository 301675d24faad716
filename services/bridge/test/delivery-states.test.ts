import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { handleGetAgent } from '../src/agents/read-agents.ts'
import { handleForgetBody } from '../src/deliveries/bodies.ts'
import { DeliveryModel } from './delivery-model.ts'
import { startDeliveries, type Deliveries } from './given-deliveries.ts'
import { agent, inconsistentInboxes, refusal } from './given.ts'

let bus: Deliveries
beforeAll(async () => {
  bus = await startDeliveries()
})
afterAll(async () => {
  await bus.stop()
})

const NEVER = 1_000_000_000
const body = fc.constantFrom('laptop', 'server')
// Beyond the messages that there are it is taken modulo.
const nth = fc.nat({ max: 20 })
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      expiresIn: fc.constantFrom(NEVER, NEVER, 40, 400),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('receive' as const),
      body,
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      seconds: fc.constantFrom(1, 29, 30, 120, 600),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), nth }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      body,
      nth,
      seconds: fc.constantFrom(0, 60, 3_600),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reject' as const), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('redeliver' as const), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), body }) },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

test('deliveries do what they promise in any order of sends, leases, ends and time', async () => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      runs += 1
      const name = `agent-${runs}`
      await bus.register(name)
      const model = new DeliveryModel()
      const ids: string[] = []
      for (const one of steps) {
        await take({ one, name, model, ids })
        expect(model.lost()).toEqual([])
      }
      const statuses = await Promise.all(ids.map(async (id) => (await bus.seen(id))?.status))
      expect(statuses).toEqual(ids.map((_, index) => model.statusOf(index + 1)))
      const shown = await handleGetAgent(bus.bridge, agent(name), { name })
      expect(shown.unread).toBe(model.unread())
    }),
    { numRuns: 60 },
  )
  expect(await inconsistentInboxes(bus)).toEqual([])
}, 120_000)

interface Taken {
  one: Step
  name: string
  model: DeliveryModel
  /** Of the messages, by position. */
  ids: string[]
}

/** Does one step in both, and compares what they answer. */
async function take({ one, name, model, ids }: Taken): Promise<void> {
  if (one.do === 'send') {
    const expiresAt = new Date(bus.now().getTime() + one.expiresIn * 1_000).toISOString()
    ids.push(await bus.send(name, one.expiresIn === NEVER ? {} : { expiresAt }))
    model.send(one.expiresIn)
  } else if (one.do === 'receive') {
    const { messages } = await bus.receive(name, one.body, one.limit)
    const given = messages.map(({ position, attempt }) => ({ position, attempt }))
    expect(given).toEqual(model.receive(one.body, one.limit))
  } else if (one.do === 'pass') {
    bus.pass(one.seconds)
    model.now += one.seconds
  } else if (one.do === 'sweep') {
    await bus.sweep()
    model.sweep()
  } else if (one.do === 'forget') {
    await handleForgetBody(bus.bridge, agent(name), { body: one.body })
    model.bodies.delete(one.body)
  } else if (ids.length > 0) {
    await touch({ name, model, ids, one }, one.nth % ids.length)
  }
}

async function touch({ one, name, model, ids }: Taken, index: number): Promise<void> {
  const messageId = ids[index] ?? ''
  const position = index + 1
  const isDone = async (work: Promise<unknown>, code: string) => {
    const failure = await work.then(
      () => undefined,
      async (error: unknown) => refusal(Promise.reject(error as Error)),
    )
    if (failure !== undefined) expect(failure.code).toBe(code)
    return failure === undefined
  }
  if (one.do === 'acknowledge') {
    await bus.acknowledge(name, messageId)
    model.acknowledge(position)
  } else if (one.do === 'hold') {
    const { body: holder, seconds } = one
    const held = bus.hold(name, { body: holder, messageId, seconds })
    expect(await isDone(held, 'bridge.lease-lost')).toBe(model.hold(holder, position, seconds))
  } else if (one.do === 'reject') {
    const rejected = await isDone(bus.reject(name, messageId), 'bridge.message-settled')
    expect(rejected).toBe(model.reject(position))
  } else if (one.do === 'redeliver') {
    const isGone = model.messages[index]?.end === 'dead-lettered'
    const code = isGone ? 'bridge.expired-already' : 'bridge.not-a-dead-letter'
    const redelivered = await isDone(bus.redeliver(name, messageId), code)
    expect(redelivered).toBe(model.redeliver(position))
  }
}
