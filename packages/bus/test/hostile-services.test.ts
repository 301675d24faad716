import type { NatsConnection } from '@nats-io/transport-node'
import { afterAll, expect, test } from '@jest/globals'
import { defineRequest } from '@mumega/contracts/define'
import { AppError } from '@mumega/errors'
import { eventually } from '@mumega/testkit'
import { CONTEXT, givenGate, givenNats, greet } from './given.ts'
import { askAs, connectUser } from './user.ts'

// What a service may do that is in the hands of somebody else, with its own key.

const ground = await givenNats()
const bridge = await ground.bus('bridge')
const gateway = await ground.bus('gateway')
const connections: NatsConnection[] = []
let handled = 0
bridge.serve(greet, async ({ name }) => {
  handled += 1
  return { greeting: `Hello ${name}` }
})
await bridge.connection.flush()
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()))
  await ground.stop()
})

const greeted = () => gateway.request(greet, { name: 'loom' }, { context: CONTEXT })

async function givenUser(service: string, timeoutMs?: number) {
  const user = await connectUser(ground.nats, service, timeoutMs)
  connections.push(user.connection)
  return user
}

const DEEP = '['.repeat(8_000) + ']'.repeat(8_000)

test.each([
  ['nested too deep to be written', DEEP],
  ['a list', '[[1]]'],
  ['a text', '"7"'],
  ['as large as a question', `"${'x'.repeat(900_000)}"`],
  ['null', 'null'],
])('of an id that is %s nothing comes back, and the service lives', async (_, id) => {
  const pair = { caller: 'gateway', callee: 'bridge' }
  const { connection } = await givenUser('gateway')
  const context = JSON.stringify(CONTEXT)
  const question = (request: string) =>
    `{"id":${id},"context":${context},"deadlineMs":${Date.now() + 60_000},"request":${request}}`
  const before = handled

  const replied = await askAs(connection, pair, {
    ...{ subject: greet.subject, body: question('{"name":"x"}') },
  })
  const refused = await askAs(connection, pair, {
    ...{ subject: greet.subject, body: question('{}') },
  })

  expect(replied.json()).toEqual({ reply: { greeting: 'Hello x' } })
  expect(refused.json()).toEqual({
    error: expect.objectContaining({ code: 'bus.invalid-request' }),
  })
  expect(handled).toBe(before + 1)
  expect(await greeted()).toEqual({ greeting: 'Hello loom' })
})

test.each([
  ['an object', { toString: 1 }],
  ['a deep list', JSON.parse(DEEP) as unknown],
  ['a number', 7],
])('an error whose kind is %s is a bug of the service', async (_, kind) => {
  const subject = 'rpc.bridge.v1.test-kinds'
  const { connection } = await givenUser('bridge')
  const subscription = connection.subscribe(subject, {
    callback: (__, msg) => {
      const { id } = msg.json<{ id: number }>()
      const told = kind === 7 ? '7' : Array.isArray(kind) ? DEEP : '{"toString":1}'
      msg.respond(`{"questionId":${id},"error":{"code":"a.b","message":"m","kind":${told}}}`)
    },
  })
  await connection.flush()

  const asked = gateway.request(
    defineRequest({ ...greet, subject }),
    { name: 'x' },
    { context: CONTEXT },
  )
  await expect(asked).rejects.toMatchObject({ code: 'a.b', kind: 'bug' })
  await expect(asked).rejects.toBeInstanceOf(AppError)
  subscription.unsubscribe()
})

test('questions are held up to a bound of bytes, those beyond are refused at once', async () => {
  const large = defineRequest({ ...greet, subject: 'rpc.bridge.v1.test-held-bytes' })
  const gate = givenGate()
  let held = 0
  bridge.serve(large, async () => {
    held += 1
    await gate.opened
    return { greeting: 'at last' }
  })
  await bridge.connection.flush()

  const outcomes: string[] = []
  const asked: Promise<unknown>[] = []
  const name = 'x'.repeat(990_000)
  for (let batch = 1; batch <= 15; batch += 1) {
    for (let nth = 0; nth < 10; nth += 1) {
      const one = gateway.request(large, { name }, { context: CONTEXT, timeoutMs: 30_000 })
      const outcome = one.then(
        ({ greeting }) => greeting,
        (error: unknown) => (error as AppError).code,
      )
      asked.push(outcome.then((said) => outcomes.push(said)))
    }
    // Few at a time: the server cuts off who is behind by more than it keeps for a connection.
    const isDone = async () => held + outcomes.length === batch * 10
    await eventually(isDone, { what: `batch ${batch}` })
  }
  // 128 MiB are 135 of them, and the one that goes beyond.
  expect([held, outcomes.length, ...new Set(outcomes)]).toEqual([136, 14, 'bus.overloaded'])
  gate.open()
  await Promise.all(asked)

  expect(outcomes.filter((outcome) => outcome === 'at last')).toHaveLength(136)
  expect(await greeted()).toEqual({ greeting: 'Hello loom' })
})

test('a service that takes all connections it can leaves the others theirs', async () => {
  await Promise.all(Array.from({ length: 32 }, () => givenUser('healer')))
  // The client goes on trying until it has no more time.
  const more = Array.from({ length: 5 }, () => givenUser('healer', 1_000))
  const beyond = await Promise.allSettled(more)

  expect(beyond.map(({ status }) => status)).toEqual(Array(5).fill('rejected'))
  for (const service of ['gate', 'objectives', 'bridge']) await givenUser(service)
  expect(await greeted()).toEqual({ greeting: 'Hello loom' })
})

test('a connection has a bounded number of subscriptions', async () => {
  const { connection, refused, judged } = await givenUser('gate')
  let denied = 0
  for (let nth = 0; nth < 1_030; nth += 1) {
    connection.subscribe(`_INBOX_gate.${nth}`, {
      callback: (error) => {
        if (error !== null) denied += 1
      },
    })
  }
  await judged().catch(() => undefined)

  const isOver = denied > 0 || refused.length > 0 || connection.isClosed()
  expect(isOver).toBe(true)
  expect(await greeted()).toEqual({ greeting: 'Hello loom' })
})
