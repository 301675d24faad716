import { expect, test } from '@jest/globals'
import { jetstreamManager } from '@nats-io/jetstream'
import { RIGHTS } from '@mumega/contracts/topology'
import { eventually } from '@mumega/testkit'
import { startPull } from '../src/intake/pull.ts'
import { anIntent, givenLedger, publishIntents, untilSealed } from './given.ts'

test('a pull ends although its connection is closed while it is drained', async () => {
  const ledger = await givenLedger({ isRunning: false })
  const { connection } = await ledger.bus('audit-ledger')
  const [consumer] = RIGHTS['audit-ledger']?.consumers ?? []
  if (consumer === undefined) throw new Error('the ledger has no consumer')
  const pull = startPull(connection, {
    service: 'audit-ledger',
    stream: consumer.stream,
    consumer: consumer.name,
    messagesMax: 1,
    bytesMax: 1_048_576,
    expiresMs: 30_000,
    hasRoom: () => true,
    onMessage: () => undefined,
    onFailure: () => undefined,
  })
  await connection.flush()

  const stopping = pull.stop()
  await connection.close()

  await expect(stopping).resolves.toBeUndefined()
  await ledger.stop()
})

test('what the ledger holds for longer than the server waits is not handed out again', async () => {
  const ledger = await givenLedger()
  const bridge = await ledger.bus('bridge')
  const { connection } = await ledger.adminBus()
  const kept: string[] = []
  connection.subscribe('$JS.ACK.AUDIT.audit-ledger.>', {
    callback(error, message) {
      if (error === null) kept.push(message.string())
    },
  })
  await connection.flush()
  await ledger.sql('begin')
  await ledger.sql('lock table event_batches in exclusive mode')
  await publishIntents(bridge, [anIntent()])

  // Said three times in the time that the server waits: that time is over twice.
  await eventually(() => Promise.resolve(kept.length > 6), { what: 'signs of work' })
  await ledger.sql('commit')
  await untilSealed(ledger, 1)

  const consumer = await (
    await jetstreamManager(connection)
  ).consumers.info('AUDIT', 'audit-ledger')
  expect(consumer.delivered.consumer_seq).toBe(1)
  expect(new Set(kept)).toEqual(new Set(['+WPI', '+ACK']))
  await ledger.stop()
})
