import { expect, test } from '@jest/globals'
import { RIGHTS } from '@mumega/contracts/topology'
import { startPull } from '../src/intake/pull.ts'
import { givenLedger } from './given.ts'

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
