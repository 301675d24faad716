import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { Msg, NatsConnection } from '@nats-io/transport-node'
import { afterAll, describe, expect, test } from '@jest/globals'
import { defineRequest } from '@mumega/contracts/define'
import { CONTEXT, givenNats, greet } from './given.ts'
import { askAs, connectUser } from './user.ts'

const ground = await givenNats()
const admin = await ground.bus('admin')
const manager = await jetstreamManager(admin.connection)
const connections: NatsConnection[] = []
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()))
  await ground.stop()
})

async function givenUser(service: string) {
  const user = await connectUser(ground.nats, service)
  connections.push(user.connection)
  return user
}

async function auditedCount(): Promise<number> {
  return (await manager.streams.info('AUDIT')).state.messages
}

describe("a reply subject of another's makes the server publish nothing there", () => {
  const pull = 'JS.API.CONSUMER.MSG.NEXT.EVENTS.bridge-dead-letters'

  /** The next dead letter, as the bridge's consumer gets it. */
  async function pulled(connection: NatsConnection): Promise<Msg> {
    const subscription = connection.subscribe('_INBOX_bridge.pulled', { max: 1, timeout: 5_000 })
    connection.publish(pull, '{"batch":1}', { reply: '_INBOX_bridge.pulled' })
    for await (const msg of subscription) return msg
    throw new Error('nothing was delivered')
  }

  async function givenDeadLetter(body: string): Promise<void> {
    await jetstream(admin.connection).publish('evt.bridge.v1.dead-lettered', body)
  }

  test('as the answer to a publication', async () => {
    const { connection } = await givenUser('gateway')
    const before = await auditedCount()

    connection.publish('evt.gateway.v1.x', '{}', { reply: 'aud.bridge.v1.append' })
    await connection.flush()
    await admin.connection.flush()

    expect(await auditedCount()).toBe(before)
  })

  test('as the place where a pull delivers', async () => {
    const { connection, refused } = await givenUser('bridge')
    const before = await auditedCount()
    const streams = await manager.streams.names().next()

    for (const reply of [
      'aud.gateway.v1.append',
      '$JS.API.STREAM.PURGE.AUDIT',
      '$JS.API.STREAM.DELETE.AUDIT',
      '$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.spy',
      '$JS.API.CONSUMER.RESET.AUDIT.audit-ledger',
    ]) {
      await givenDeadLetter('{"stream_name":"AUDIT","config":{"durable_name":"spy"}}')
      connection.publish(pull, '{"batch":1,"expires":100000000}', { reply })
      await connection.flush()
    }
    // A pull to an inbox of its own is answered after those before it.
    await pulled(connection)

    expect(refused).toEqual([])
    expect(await auditedCount()).toBe(before)
    expect(await manager.streams.names().next()).toEqual(streams)
    expect((await manager.consumers.list('AUDIT').next()).map(({ name }) => name)).toEqual([
      'audit-ledger',
    ])
  })

  test('as the answer to an acknowledgement', async () => {
    const { connection } = await givenUser('bridge')
    await givenDeadLetter('{}')
    const letter = await pulled(connection)

    connection.publish(letter.reply ?? '', '+ACK', { reply: '$JS.API.STREAM.DELETE.AUDIT' })
    await connection.flush()
    await admin.connection.flush()

    expect((await manager.streams.info('AUDIT')).config.name).toBe('AUDIT')
  })
})

test('a service that is asked reaches who asked, and nobody else', async () => {
  const bridge = await givenUser('bridge')
  const gateway = await givenUser('gateway')
  const elsewhere = [
    '_REPLY_.gateway.objectives.a.b',
    '_REPLY_.gate.bridge.a.b',
    '_REPLY_.gateway.bridge',
    '_INBOX_gateway.guessed',
  ]
  bridge.connection.subscribe('rpc.bridge.v1.x', {
    callback: (_, msg) => {
      for (const subject of elsewhere) bridge.connection.publish(subject, 'forged')
      msg.respond('answered')
    },
  })
  await bridge.connection.flush()
  const heard: string[] = []
  for (const subject of ['_INBOX_gateway.>', '_REPLY_.gateway.objectives.>']) {
    gateway.connection.subscribe(subject, {
      callback: (_, msg) => void heard.push(msg.string()),
    })
  }

  const pair = { caller: 'gateway', callee: 'bridge' }
  const answer = await askAs(gateway.connection, pair, { subject: 'rpc.bridge.v1.x', body: '{}' })
  await bridge.judged()
  await gateway.connection.flush()

  expect(answer.string()).toBe('answered')
  expect(bridge.refused).toEqual(elsewhere.map((subject) => `Publish ${subject}`))
  expect(heard).toEqual([])
})

test('who is asked learns nothing of where the replies of others go', async () => {
  const gateway = await ground.bus('gateway')
  const secrets = await Promise.all(
    ['bridge', 'objectives', 'gate'].map(async (service) => {
      const { connection } = await givenUser(service)
      const subject = `rpc.${service}.v1.asked` as const
      let reply = ''
      connection.subscribe(subject, {
        callback: (_, msg) => {
          reply = msg.reply ?? ''
          const { id: questionId } = msg.json<{ id: number }>()
          msg.respond(JSON.stringify({ questionId, reply: { greeting: 'hello' } }))
        },
      })
      await connection.flush()
      const contract = defineRequest({ ...greet, subject })
      await gateway.request(contract, { name: 'loom' }, { context: CONTEXT })
      const [, caller, callee, secret = ''] = reply.split('.')
      expect([caller, callee]).toEqual(['gateway', service])
      return secret
    }),
  )

  // Random from the first digit on: of names that count up, one tells the next.
  const beginnings = new Set(secrets.map((secret) => secret.slice(0, 8)))
  expect(beginnings.size).toBe(3)
  for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{32}$/)
})

test('the subject that a caller names for the reply makes a service publish nothing', async () => {
  const bridge = await ground.bus('bridge')
  const gateway = await givenUser('gateway')
  let handled = 0
  bridge.serve(greet, async () => {
    handled += 1
    return { greeting: 'hello' }
  })
  await bridge.connection.flush()
  const before = await auditedCount()
  const deadlineMs = Date.now() + 60_000
  const body = JSON.stringify({ id: 7, context: CONTEXT, deadlineMs, request: { name: 'loom' } })
  const question = { subject: greet.subject, body }

  for (const reply of [
    'aud.bridge.v1.append',
    'evt.bridge.v1.dead-lettered',
    'rpc.bridge.v1.greet',
    'JS.API.CONSUMER.MSG.NEXT.EVENTS.bridge-dead-letters',
    '_REPLY_.gateway.objectives.a.b',
    '_REPLY_x.gateway.bridge.a.b',
    '_REPLY_.gate.bridge.a.b',
    '_REPLY_.nobody.bridge.a.b',
  ]) {
    gateway.connection.publish(question.subject, question.body, { reply })
  }
  const pair = { caller: 'gateway', callee: 'bridge' }
  const answer = await askAs(gateway.connection, pair, question)

  expect(answer.json()).toEqual({ questionId: 7, reply: { greeting: 'hello' } })
  expect(handled).toBe(1)
  expect(await auditedCount()).toBe(before)
})
