import { Type } from 'typebox'
import { afterAll, expect, test } from '@jest/globals'
import { connectBus, type Call } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { defineRequest } from '@mumega/contracts/define'
import { AppError } from '@mumega/errors'
import { eventually } from '@mumega/testkit'
import { CONTEXT, givenGate, givenNats, greet } from './given.ts'
import { askAs } from './user.ts'

const ground = await givenNats()
const bridge = await ground.bus('bridge')
const gateway = await ground.bus('gateway')
afterAll(ground.stop)

function contractNamed<Name extends string>(name: Name, errors: string[] = []) {
  return defineRequest({ ...greet, subject: `rpc.bridge.v1.${name}`, errors })
}

function ask(body: string) {
  const pair = { caller: 'gateway', callee: 'bridge' }
  return askAs(gateway.connection, pair, { subject: greet.subject, body })
}

function questionOf(given: object): string {
  const deadlineMs = Date.now() + 60_000
  const question = { id: 7, context: CONTEXT, deadlineMs, request: { name: 'a' }, ...given }
  return JSON.stringify(question)
}

const seen: Call[] = []
bridge.serve(greet, async ({ name }, call) => {
  seen.push(call)
  if (name === 'nobody') {
    throw new AppError('bridge.nobody-there', 'not-found', 'Nobody is there.', {
      details: { name, tries: 2 },
    })
  }
  if (name === 'undeclared') throw new AppError('bridge.secret', 'conflict', 'the password is 1234')
  if (name === 'broken') throw new TypeError('the password is 1234')
  return { greeting: name === 'wrong' ? (7 as unknown as string) : `Hello ${name}` }
})
await bridge.connection.flush()

test('a reply comes back to the caller, whose context the handler gets', async () => {
  const reply = await gateway.request(greet, { name: 'loom' }, { context: CONTEXT })

  expect(reply).toEqual({ greeting: 'Hello loom' })
  expect(seen.at(-1)?.context).toEqual(CONTEXT)
})

test('an error of the contract comes back with code, kind, message and details', async () => {
  await expect(
    gateway.request(greet, { name: 'nobody' }, { context: CONTEXT }),
  ).rejects.toMatchObject({
    code: 'bridge.nobody-there',
    kind: 'not-found',
    message: 'Nobody is there.',
    details: { name: 'nobody', tries: 2 },
  })
})

test.each(['undeclared', 'broken', 'wrong'])(
  'what a handler does against its contract (%s) is a bug whose text stays inside',
  async (name) => {
    const failure: unknown = await gateway
      .request(greet, { name }, { context: CONTEXT })
      .catch((error: unknown) => error)

    expect(failure).toMatchObject({ code: 'bus.bug', kind: 'bug' })
    expect(JSON.stringify([failure, String(failure)])).not.toContain('1234')
  },
)

test('an error carries the headers that NATS ADR-32 names', async () => {
  const answer = await ask(questionOf({ request: { name: 'nobody' } }))

  expect(answer.headers?.get('Nats-Service-Error-Code')).toBe('404')
  expect(answer.headers?.get('Nats-Service-Error')).toBe('Nobody is there.')
  expect(answer.json()).toMatchObject({ questionId: 7, error: { code: 'bridge.nobody-there' } })
})

const badActor = { tenantId: 'acme', actor: { id: 'x', kind: 'robot' } }

test.each([
  ['what is no JSON', '{', ''],
  ['a number', '7', ''],
  ['nothing', '', ''],
  ['an array', '[]', 'context'],
  ['a request without its field', questionOf({ request: {} }), 'name'],
  ['a field of the wrong type', questionOf({ request: { name: 7 } }), 'name'],
  ['a field that is too short', questionOf({ request: { name: '' } }), 'name'],
  ['a list for a request', questionOf({ request: [] }), ''],
  ['no request', questionOf({ request: undefined }), ''],
  ['no context', questionOf({ context: undefined }), 'context'],
  ['half a context', questionOf({ context: { tenantId: 'acme' } }), 'context/actor'],
  ['an unknown kind of actor', questionOf({ context: badActor }), 'context/actor/kind'],
  ['no deadline', questionOf({ deadlineMs: undefined }), 'deadlineMs'],
  ['a deadline that is no number', questionOf({ deadlineMs: 'soon' }), 'deadlineMs'],
  ['a deadline between milliseconds', questionOf({ deadlineMs: 1.5 }), 'deadlineMs'],
])('%s is refused with its field named, and no handler runs', async (_, body, field) => {
  const handled = seen.length

  const answer = await ask(body)

  expect(answer.json()).toMatchObject({
    error: { code: 'bus.invalid-request', details: { field } },
  })
  expect(seen).toHaveLength(handled)
})

test('a request past its deadline is not started', async () => {
  const handled = seen.length

  const answer = await ask(questionOf({ deadlineMs: Date.now() - 1 }))

  expect(answer.json()).toMatchObject({ questionId: 7, error: { code: 'bus.timeout' } })
  expect(seen).toHaveLength(handled)
})

test("a handler's signal aborts when the caller stops waiting", async () => {
  const slow = contractNamed('test-slow')
  const [aborted, gate] = [givenGate(), givenGate()]
  bridge.serve(slow, async (_, { signal }) => {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve)
    })
    aborted.open()
    // An answer at the deadline itself could still win against the caller's timer.
    await gate.opened
    return { greeting: 'too late' }
  })
  await bridge.connection.flush()

  await expect(
    gateway.request(slow, { name: 'a' }, { context: CONTEXT, timeoutMs: 100 }),
  ).rejects.toMatchObject({ code: 'bus.timeout', kind: 'unavailable' })
  await aborted.opened
  gate.open()
})

test('an answer that comes too late is nobody else’s', async () => {
  const contract = contractNamed('test-late')
  const gate = givenGate()
  bridge.serve(contract, async ({ name }) => {
    if (name === 'late') await gate.opened
    else {
      gate.open()
      // The other answer is on its way before this one.
      await new Promise((resolve) => setImmediate(resolve))
      await bridge.connection.flush()
    }
    return { greeting: `Hello ${name}` }
  })
  await bridge.connection.flush()
  const ask = (name: string, timeoutMs: number) =>
    gateway.request(contract, { name }, { context: CONTEXT, timeoutMs })
  await expect(ask('late', 50)).rejects.toMatchObject({ code: 'bus.timeout' })

  const greetings = await Promise.all([ask('first', 10_000), ask('second', 10_000)])

  expect(greetings).toEqual([{ greeting: 'Hello first' }, { greeting: 'Hello second' }])
})

test('requests beyond what may run and wait are refused at once, the others served', async () => {
  const crowded = contractNamed('test-crowded')
  const gate = givenGate()
  let running = 0
  let runningMax = 0
  bridge.serve(crowded, async () => {
    running += 1
    runningMax = Math.max(runningMax, running)
    await gate.opened
    running -= 1
    return { greeting: 'at last' }
  })
  await bridge.connection.flush()

  const outcomes: string[] = []
  const asked = Array.from({ length: 256 + 1_024 + 20 }, () =>
    gateway
      .request(crowded, { name: 'a' }, { context: CONTEXT, timeoutMs: 20_000 })
      .then(({ greeting }) => outcomes.push(greeting))
      .catch((error: unknown) => outcomes.push((error as AppError).code)),
  )
  await eventually(async () => outcomes.length === 20, { what: 'the refusals' })
  expect(new Set(outcomes)).toEqual(new Set(['bus.overloaded']))
  gate.open()
  await Promise.all(asked)

  expect(outcomes.filter((outcome) => outcome === 'at last')).toHaveLength(256 + 1_024)
  expect(runningMax).toBe(256)
})

test('two instances of a service share its requests, each answered once', async () => {
  const shared = contractNamed('test-shared')
  const other = await ground.bus('bridge')
  const answeredBy = { first: 0, second: 0 }
  bridge.serve(shared, async () => ({ greeting: `first ${(answeredBy.first += 1)}` }))
  other.serve(shared, async () => ({ greeting: `second ${(answeredBy.second += 1)}` }))
  await Promise.all([bridge.connection.flush(), other.connection.flush()])

  await Promise.all(
    Array.from({ length: 200 }, () => gateway.request(shared, { name: 'a' }, { context: CONTEXT })),
  )

  expect(answeredBy.first + answeredBy.second).toBe(200)
  expect(Math.min(answeredBy.first, answeredBy.second)).toBeGreaterThan(0)
})

test('oversize requests are refused by the caller, oversize replies by the service', async () => {
  const large = defineRequest({
    ...greet,
    subject: 'rpc.bridge.v1.test-large',
    reply: Type.Object({ text: Type.String() }),
  })
  bridge.serve(large, async () => ({ text: 'x'.repeat(1_000_001) }))
  await bridge.connection.flush()

  await expect(
    gateway.request(large, { name: 'x'.repeat(1_000_001) }, { context: CONTEXT }),
  ).rejects.toMatchObject({ code: 'bus.too-large', details: { limitBytes: 1_000_000 } })
  await expect(gateway.request(large, { name: 'a' }, { context: CONTEXT })).rejects.toMatchObject({
    code: 'bus.too-large',
    kind: 'too-large',
  })
})

test('a request that nobody serves fails at once', async () => {
  const unserved = contractNamed('test-unserved')

  await expect(
    gateway.request(unserved, { name: 'a' }, { context: CONTEXT, timeoutMs: 5_000 }),
  ).rejects.toMatchObject({ kind: 'unavailable' })
})

test('a reply that breaks the contract of the caller is a bug', async () => {
  const newer = contractNamed('test-newer')
  const older = defineRequest({ ...newer, reply: Type.Object({ farewell: Type.String() }) })
  bridge.serve(newer, async () => ({ greeting: 'hello' }))
  await bridge.connection.flush()

  await expect(gateway.request(older, { name: 'a' }, { context: CONTEXT })).rejects.toMatchObject({
    code: 'bus.invalid-reply',
    kind: 'bug',
  })
})

test('a drain waits for the handlers in flight, and takes nothing new', async () => {
  const leaving = await ground.bus('bridge')
  const held = contractNamed('test-held')
  const [started, gate] = [givenGate(), givenGate()]
  let handled = 0
  leaving.serve(held, async () => {
    handled += 1
    started.open()
    await gate.opened
    return { greeting: 'still answered' }
  })
  await leaving.connection.flush()

  const asked = gateway.request(held, { name: 'a' }, { context: CONTEXT })
  await started.opened
  const drained = leaving.drain()
  // The server answers a ping after it has taken the subscription away.
  await leaving.connection.flush()
  await expect(
    gateway.request(held, { name: 'b' }, { context: CONTEXT, timeoutMs: 200 }),
  ).rejects.toMatchObject({ kind: 'unavailable' })
  // Many times what a drain takes that does not wait.
  for (let ping = 0; ping < 100; ping += 1) await gateway.connection.flush()
  expect(leaving.connection.isClosed()).toBe(false)
  gate.open()

  expect(await asked).toEqual({ greeting: 'still answered' })
  await drained
  expect(leaving.connection.isClosed()).toBe(true)
  expect(handled).toBe(1)
})

test('while a service does not serve, what is asked of it is as good as unheard', async () => {
  let isServing = true
  const own = await connectBus({
    natsUrl: ground.nats.url,
    nkeySeed: ground.nats.seedOf('bridge'),
    service: 'bridge',
    clock: systemClock,
    isServing: () => isServing,
  })
  const contract = contractNamed('test-sometimes')
  own.serve(contract, ({ name }) => Promise.resolve({ greeting: `Hello ${name}` }))
  await own.connection.flush()
  const ask = () => gateway.request(contract, { name: 'loom' }, { context: CONTEXT })
  await expect(ask()).resolves.toEqual({ greeting: 'Hello loom' })

  isServing = false

  await expect(ask()).rejects.toMatchObject({ code: 'bus.no-responders', kind: 'unavailable' })
  await own.drain()
})
