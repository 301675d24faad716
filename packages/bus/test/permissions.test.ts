import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { afterAll, describe, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenNats } from './given.ts'
import { CONSUMERS, publishable, SERVICES, subscribable } from './subjects.ts'
import { connectUser } from './user.ts'

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

describe.each(SERVICES)('%s', (service) => {
  test('may publish what RIGHTS grants it, and is refused everything else', async () => {
    const { connection, refused, judged } = await givenUser(service)
    const { granted, forbidden } = publishable(service)

    for (const subject of [...granted, ...forbidden]) connection.publish(subject, '{}')
    await judged()

    expect(granted.length).toBeGreaterThan(3)
    expect(refused).toEqual(forbidden.map((subject) => `Publish ${subject}`))
  })

  test('may subscribe what RIGHTS grants it, and is refused everything else', async () => {
    const { connection, refused, judged } = await givenUser(service)
    const { granted, forbidden } = subscribable(service)

    for (const subject of [...granted, ...forbidden]) {
      connection.subscribe(subject, { callback: () => undefined })
    }
    await judged()

    expect(granted.length).toBeGreaterThan(2)
    expect(refused).toEqual(forbidden.map((subject) => `Subscription ${subject}`))
  })

  test('is refused the same subscriptions in a queue group', async () => {
    const { connection, refused, judged } = await givenUser(service)
    const { forbidden } = subscribable(service)

    for (const subject of forbidden) {
      connection.subscribe(subject, { queue: 'audit-ledger', callback: () => undefined })
    }
    await judged()

    expect(refused).toEqual(forbidden.map((subject) => `Subscription ${subject}`))
  })
})

test.each(SERVICES.filter((service) => service !== 'audit-ledger'))(
  'LOCK-MON-3: %s cannot pull, acknowledge or look at the intents; only the audit-ledger can',
  async (service) => {
    const { connection, refused, judged } = await givenUser(service)
    await jetstream(admin.connection).publish('aud.gateway.v1.append', '{"intents":[]}')
    const received: string[] = []
    connection.subscribe(`_INBOX_${service}.>`, {
      callback: (_, msg) => void received.push(msg.subject),
    })
    const paths = CONSUMERS.filter(({ owner }) => owner === 'audit-ledger').flatMap(
      ({ subjects, calls }) => [...subjects, ...calls],
    )

    for (const path of paths) connection.publish(path, '', { reply: `_INBOX_${service}.answer` })
    await judged()
    await admin.connection.flush()

    expect(refused).toEqual(paths.map((path) => `Publish ${path}`))
    expect(received).toEqual([])
    expect(await auditedCount()).toBeGreaterThan(0)
  },
)

test('LOCK-MON-3: the audit-ledger gets the intents that others published', async () => {
  const { connection } = await givenUser('audit-ledger')
  await jetstream(admin.connection).publish('aud.bridge.v1.append', '{"intents":[]}')
  const got: string[] = []
  connection.subscribe('_INBOX_audit-ledger.>', {
    callback: (_, msg) => void got.push(msg.subject),
  })

  connection.publish('JS.API.CONSUMER.MSG.NEXT.AUDIT.audit-ledger', '{"batch":9}', {
    reply: '_INBOX_audit-ledger.pull',
  })

  await eventually(async () => got.includes('aud.bridge.v1.append'), { what: 'the intent' })
})
