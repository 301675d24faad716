import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { afterAll, expect, test } from '@jest/globals'
import { checkTopology, provisionTopology } from '@mumega/bus/streams'
import { RIGHTS, STREAMS } from '@mumega/contracts/topology'
import { givenNats } from './given.ts'

const ground = await givenNats()
const admin = await ground.bus('admin')
const manager = await jetstreamManager(admin.connection)
afterAll(ground.stop)

test('provisioning again changes nothing and loses nothing', async () => {
  const before = await manager.streams.info('AUDIT')

  await provisionTopology(admin.connection)

  const after = await manager.streams.info('AUDIT')
  expect(after.config).toEqual(before.config)
  expect(after.created).toBe(before.created)
})

test('every stream is on disk, cannot be purged and drops repeats for two minutes', async () => {
  for (const name of Object.keys(STREAMS)) {
    const { config } = await manager.streams.info(name)
    expect(config).toMatchObject({
      storage: 'file',
      deny_delete: true,
      deny_purge: true,
      duplicate_window: nanos(120_000),
    })
  }
  expect((await manager.streams.info('AUDIT')).config).toMatchObject({
    retention: 'workqueue',
    discard: 'new',
  })
})

test.each(Object.keys(RIGHTS))(
  '%s can check its own consumers with its own rights',
  async (name) => {
    const bus = await ground.bus(name)

    await checkTopology(bus.connection, name)
  },
)

test('a consumer that differs from what was asked is named with both values', async () => {
  const { config } = await manager.consumers.info('EVENTS', 'bridge-dead-letters')
  const bridge = await ground.bus('bridge')
  await manager.consumers.update('EVENTS', 'bridge-dead-letters', { ...config, max_ack_pending: 7 })

  await expect(checkTopology(bridge.connection, 'bridge')).rejects.toMatchObject({
    code: 'bus.topology-mismatch',
    message: expect.stringContaining('EVENTS/bridge-dead-letters.max_ack_pending is 7, not 64'),
  })

  await provisionTopology(admin.connection)
  await checkTopology(bridge.connection, 'bridge')
})

test('a consumer that is missing is named', async () => {
  const bridge = await ground.bus('bridge')
  await manager.consumers.delete('EVENTS', 'bridge-dead-letters')

  await expect(checkTopology(bridge.connection, 'bridge')).rejects.toMatchObject({
    code: 'bus.topology-mismatch',
    message: expect.stringContaining('EVENTS/bridge-dead-letters does not exist'),
  })

  await provisionTopology(admin.connection)
})

test('a subject that another stream has taken fails the provisioning', async () => {
  await manager.streams.delete('WAKE')
  await manager.streams.add({ name: 'SQUATTER', subjects: ['wake.>'] })

  await expect(provisionTopology(admin.connection)).rejects.toThrow(/overlap/)

  await manager.streams.delete('SQUATTER')
  await provisionTopology(admin.connection)
})
