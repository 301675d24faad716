import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readConfig } from '@mumega/config'
import { serviceSettings } from '@mumega/config/settings'
import { startService, type ServiceParts } from '@mumega/service'
import { startTestDatabase, startTestNats, type TestDatabase, type TestNats } from '@mumega/testkit'
import { Type } from 'typebox'

let database: TestDatabase
let nats: TestNats

beforeAll(async () => {
  ;[database, nats] = await Promise.all([startTestDatabase(['objectives']), startTestNats()])
}, 60_000)
afterAll(async () => {
  await database.drop()
  await nats.stop()
})

function optionsOf(settings: Record<string, string> = {}) {
  const config = readConfig(Type.Object(serviceSettings), {
    DATABASE_URL: database.urlOf('objectives'),
    NATS_URL: nats.url,
    NATS_NKEY_SEED: nats.seedOf('objectives'),
    ...settings,
  })
  return { name: 'objectives', config }
}

const isOpen = ({ db, bus }: ServiceParts) => [
  (db.client as { pool?: object }).pool !== undefined,
  !bus.connection.isClosed(),
]

test('a service closes what it opened, the latest first, and once', async () => {
  const closed: string[] = []
  const { built, stop } = await startService(optionsOf(), async (parts) => {
    for (const name of ['first', 'second']) {
      parts.onStop(async () => {
        await parts.db.raw('select 1')
        await parts.bus.roundTripMs()
        closed.push(name)
      })
    }
    return parts
  })
  expect([isOpen(built), closed]).toEqual([[true, true], []])

  await Promise.all([stop(), stop()])
  expect([isOpen(built), closed]).toEqual([
    [false, false],
    ['second', 'first'],
  ])
})

test('a start that fails closes what it opened, and throws what failed', async () => {
  const seen: ServiceParts[] = []
  const closed: string[] = []
  const started = startService(optionsOf(), async (parts) => {
    seen.push(parts)
    parts.onStop(async () => closed.push('mine'))
    await parts.db.raw('select 1')
    throw new Error('it cannot serve')
  })
  await expect(started).rejects.toThrow('it cannot serve')
  expect([seen.map(isOpen), closed]).toEqual([[[false, false]], ['mine']])
})

test('a start that fails says why, also where something cannot be closed', async () => {
  const started = startService(optionsOf(), async (parts) => {
    parts.onStop(async () => Promise.reject(new Error('it is stuck')))
    throw new Error('it cannot serve')
  })
  await expect(started).rejects.toThrow('it cannot serve')
})

test('what cannot be closed keeps nothing else open, and is told', async () => {
  const { built, stop } = await startService(optionsOf(), async (parts) => {
    parts.onStop(async () => Promise.reject(new Error('it is stuck')))
    return parts
  })
  await expect(stop()).rejects.toThrow('it is stuck')
  expect(isOpen(built)).toEqual([false, false])
})
