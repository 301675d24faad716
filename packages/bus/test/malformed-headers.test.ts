import type { MsgHdrs } from '@nats-io/transport-node'
import { afterAll, expect, test } from '@jest/globals'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { defineRequest } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import { givenLetter, LETTERS } from './consumers.ts'
import { CONTEXT, givenNats, greet } from './given.ts'
import { connectUser } from './user.ts'

// The server passes them on as they are, and the client throws when they are read.
const MALFORMED = {
  encode: () => Buffer.from('NATS/1.0\r\nbad key: x\r\n\r\n'),
} as unknown as MsgHdrs

const ground = await givenNats()
const bridge = await ground.bus('bridge')
const gateway = await ground.bus('gateway')
bridge.serve(greet, async ({ name }) => ({ greeting: `Hello ${name}` }))
await bridge.connection.flush()
afterAll(ground.stop)

const ask = (name: string) => gateway.request(greet, { name }, { context: CONTEXT })

test('a question with malformed headers takes nobody off the bus', async () => {
  const { connection } = await connectUser(ground.nats, 'gateway')
  const request = {
    id: 7,
    context: CONTEXT,
    deadlineMs: Date.now() + 60_000,
    request: { name: 'x' },
  }
  for (let nth = 0; nth < 300; nth += 1) {
    connection.publish(greet.subject, JSON.stringify(request), {
      ...{ reply: `_REPLY_.gateway.bridge.asked.${nth}`, headers: MALFORMED },
    })
  }
  await connection.flush()

  expect(await ask('loom')).toEqual({ greeting: 'Hello loom' })
  await connection.close()
})

test('an answer with malformed headers ends its question, and no other one', async () => {
  const { connection } = await connectUser(ground.nats, 'bridge')
  const subject = 'rpc.bridge.v1.test-malformed'
  const empty = defineRequest({ ...greet, subject })
  connection.subscribe(subject, {
    callback: (_, msg) => void msg.respond('', { headers: MALFORMED }),
  })
  await connection.flush()

  await expect(gateway.request(empty, { name: 'x' }, { context: CONTEXT })).rejects.toMatchObject({
    code: 'bus.invalid-reply',
  })
  expect(await ask('loom')).toEqual({ greeting: 'Hello loom' })
  await connection.close()
})

test('an answer that is given twice is not the answer to the next question', async () => {
  const { connection } = await connectUser(ground.nats, 'bridge')
  const subject = 'rpc.bridge.v1.test-doubled'
  const contract = defineRequest({ ...greet, subject })
  const answers: (() => void)[] = []
  connection.subscribe(subject, {
    callback: (_, msg) => {
      const { id: questionId } = msg.json<{ id: number }>()
      const reply = { greeting: `to question ${answers.length + 1}` }
      answers.push(() => void msg.respond(JSON.stringify({ questionId, reply })))
      // First those before it, whose subjects the next questions may have.
      for (const answer of answers) answer()
    },
  })
  await connection.flush()

  const greetings: string[] = []
  for (let nth = 0; nth < 5; nth += 1) {
    const { greeting } = await gateway.request(contract, { name: 'x' }, { context: CONTEXT })
    greetings.push(greeting)
  }

  expect(greetings).toEqual([1, 2, 3, 4, 5].map((nth) => `to question ${nth}`))
  await connection.close()
})

test('a stored event with malformed headers is handled, and those behind it', async () => {
  const handled: string[] = []
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async ({ reason }) => {
    handled.push(reason)
  })
  const { connection } = await connectUser(ground.nats, 'gateway')
  const { subject } = deadLettered('gateway')
  connection.publish(subject, JSON.stringify(givenLetter('malformed')), { headers: MALFORMED })
  connection.publish(subject, JSON.stringify(givenLetter('behind')))

  await eventually(async () => handled.includes('behind'), { what: 'the event behind it' })
  expect(handled).toEqual(['malformed', 'behind'])
  await connection.close()
})
