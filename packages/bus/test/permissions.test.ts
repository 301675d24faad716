import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type Msg, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node'
import { afterAll, describe, expect, test } from '@jest/globals'
import { RIGHTS, STREAMS } from '@mumega/contracts/topology'
import { eventually } from '@mumega/testkit'
import { givenNats } from './given.ts'

const SERVICES = Object.keys(RIGHTS)
const KINDS = ['evt', 'aud', 'bus', 'wake']

const ground = await givenNats()
const admin = await ground.bus('admin')
const manager = await jetstreamManager(admin.connection)
const connections: NatsConnection[] = []
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()))
  await ground.stop()
})

/** A bare connection as a service's user: the server must hold the rules, whatever the client's code does. */
async function givenUser(service: string) {
  const authenticator = nkeyAuthenticator(Buffer.from(ground.nats.seedOf(service)))
  const inboxPrefix = `_INBOX_${service}`
  const connection = await connect({ servers: ground.nats.url, authenticator, inboxPrefix })
  connections.push(connection)
  const refused: string[] = []
  async function watch(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type !== 'error') continue
      const [, operation, subject] = /for (\w+) to "([^"]+)"/.exec(status.error.message) ?? []
      refused.push(`${operation} ${subject}`)
    }
  }
  void watch()
  return {
    connection,
    refused,
    /** Resolves when the server has judged everything sent so far, and its refusals have been noted. */
    async judged() {
      // The server answers a ping after what came before it; the client hands its errors on a turn later.
      await connection.flush()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const JETSTREAM_CALLS = Object.keys(STREAMS).flatMap((stream) => [
  `$JS.API.STREAM.CREATE.${stream}`,
  `$JS.API.STREAM.UPDATE.${stream}`,
  `$JS.API.STREAM.DELETE.${stream}`,
  `$JS.API.STREAM.PURGE.${stream}`,
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.STREAM.MSG.DELETE.${stream}`,
  `$JS.API.STREAM.SNAPSHOT.${stream}`,
  `$JS.API.STREAM.RESTORE.${stream}`,
  `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`,
  `$JS.API.STREAM.PEER.REMOVE.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.aud.bridge.v1.append`,
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.spy`,
  `$JS.API.CONSUMER.CREATE.${stream}.spy.aud.>`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.spy`,
  `$JS.API.CONSUMER.LIST.${stream}`,
  `$JS.API.CONSUMER.NAMES.${stream}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.spy`,
  `JS.API.STREAM.MSG.GET.${stream}`,
  `JS.API.CONSUMER.CREATE.${stream}`,
])

const SERVER_CALLS = [
  '$JS.API.INFO',
  '$JS.API.STREAM.CREATE.MIRROR',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.META.LEADER.STEPDOWN',
  '$JS.API.SERVER.REMOVE',
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.USER.INFO',
  '$SYS.ACCOUNT.STREAMS.CONNS',
  '_R_.forged',
  '_INBOX.anybody',
  '_INBOX_admin.reply',
  'anything.else',
]

const CONSUMERS = Object.entries(RIGHTS).flatMap(([owner, { consumers }]) =>
  consumers.map(({ stream, name }) => ({
    owner,
    subjects: [
      `JS.API.CONSUMER.INFO.${stream}.${name}`,
      `JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
      `$JS.ACK.${stream}.${name}.1.1.1.1.0`,
    ],
    calls: [
      `$JS.API.CONSUMER.INFO.${stream}.${name}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
      `$JS.API.CONSUMER.DELETE.${stream}.${name}`,
      `$JS.API.CONSUMER.RESET.${stream}.${name}`,
      `$JS.API.CONSUMER.PAUSE.${stream}.${name}`,
      `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${name}`,
    ],
  })),
)

const HEARD = [...new Set(Object.values(RIGHTS).flatMap(({ hears }) => hears))]

function publishable(service: string): { granted: string[]; forbidden: string[] } {
  const candidates = SERVICES.flatMap((other) => [
    ...KINDS.map((kind) => ({ subject: `${kind}.${other}.v1.x`, may: other === service })),
    { subject: `rpc.${other}.v1.x`, may: RIGHTS[service]?.calls.includes(other) === true },
    { subject: `_INBOX_${other}.reply`, may: false },
    ...HEARD.map((heard) => ({ subject: `live.${heard}`, may: false })),
  ])
  const consuming = CONSUMERS.flatMap(({ owner, subjects }) =>
    subjects.map((subject) => ({ subject, may: owner === service })),
  )
  const never = [...JETSTREAM_CALLS, ...SERVER_CALLS, ...CONSUMERS.flatMap(({ calls }) => calls)]
  return split([...candidates, ...consuming, ...never.map((subject) => ({ subject, may: false }))])
}

function subscribable(service: string): { granted: string[]; forbidden: string[] } {
  const candidates = SERVICES.flatMap((other) => [
    { subject: `rpc.${other}.>`, may: other === service },
    { subject: `rpc.${other}.v1.x`, may: other === service },
    { subject: `_INBOX_${other}.>`, may: other === service },
    { subject: `_INBOX_${other}.a.b`, may: other === service },
    ...KINDS.map((kind) => ({ subject: `${kind}.${other}.>`, may: false })),
    ...KINDS.map((kind) => ({ subject: `live.${kind}.${other}.>`, may: false })),
  ])
  const heard = HEARD.map((subject) => ({
    subject: `live.${subject}`,
    may: RIGHTS[service]?.hears.includes(subject) === true,
  }))
  const wide = ['>', '*.>', '*.*.>', 'rpc.>', 'rpc.*.v1.*', 'evt.>', 'aud.>', 'bus.>', 'wake.>']
  const never = [...wide, ...HEARD, ...['live.>', '_INBOX.>', '_INBOX_admin.>', '_R_.>']]
  const system = ['$JS.>', '$JS.API.>', '$JS.ACK.>', '$JS.EVENT.>', '$SYS.>', 'JS.API.>']
  const refused = [...never, ...system].map((subject) => ({ subject, may: false }))
  return split([...candidates, ...heard, ...refused])
}

function split(candidates: readonly { subject: string; may: boolean }[]) {
  const of = (may: boolean) => [
    ...new Set(candidates.filter((one) => one.may === may).map(({ subject }) => subject)),
  ]
  return { granted: of(true), forbidden: of(false) }
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

async function auditedCount(): Promise<number> {
  return (await manager.streams.info('AUDIT')).state.messages
}

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

test('a service that is asked cannot answer twice, nor somebody who did not ask', async () => {
  const bridge = await givenUser('bridge')
  const gateway = await givenUser('gateway')
  bridge.connection.subscribe('rpc.bridge.v1.x', {
    callback: (_, msg) => {
      msg.respond('first')
      msg.respond('second')
      bridge.connection.publish('_INBOX_gateway.guessed', 'forged')
    },
  })
  await bridge.connection.flush()
  const answers: string[] = []
  gateway.connection.subscribe('_INBOX_gateway.guessed', {
    callback: (_, msg) => void answers.push(msg.string()),
  })
  gateway.connection.publish('rpc.bridge.v1.x', '{}', { reply: '_INBOX_gateway.guessed' })

  await eventually(async () => answers.length > 0 && bridge.refused.length >= 2, {
    what: 'the answer and the refusals',
  })
  await gateway.connection.flush()

  expect(answers).toEqual(['first'])
})
