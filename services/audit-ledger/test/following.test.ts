import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { start } from '../src/service.ts'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'

/** Two databases under one key: the second is what is left when the first is set back. */
let ledger: TestLedger
let setBack: TestLedger
let followed: string

beforeAll(async () => {
  ledger = await givenLedger({ isRunning: false, settings: SHORT })
  const { LEDGER_KEY_FILE } = ledger.config
  followed = `${LEDGER_KEY_FILE}.followed`
  setBack = await givenLedger({ isRunning: false, settings: { ...SHORT, LEDGER_KEY_FILE } })
})
afterAll(async () => {
  await setBack.stop()
  await ledger.stop()
})

const SHORT = { LEDGER_LEASE_MS: 2_000 }

const another = ({ config }: TestLedger) => start({ ...config, LEDGER_CHECKPOINT_FILE: followed })

async function publishOne(to: TestLedger): Promise<void> {
  await publishIntents(await to.bus('bridge'), [anIntent()])
}

function sizeOfCopy(path: string): number {
  return existsSync(path) ? Number(readFileSync(path, 'utf8').split('\n')[1]) : 0
}

async function untilHalted(halted: TestLedger): Promise<string> {
  const bridge = await halted.bus('bridge')
  return eventually(
    async () => {
      const { dependencies } = await healthOfLedger(bridge)
      const sealing = dependencies.find(({ name }) => name === 'sealing')
      return sealing?.status === 'failing' && sealing.reason
    },
    { what: 'the ledger to stop sealing' },
  )
}

test('a ledger that has only followed does not seal on a database that was set back', async () => {
  await ledger.run()
  const follower = await another(ledger)
  for (let size = 1; size <= 3; size += 1) {
    await publishOne(ledger)
    await untilSealed(ledger, size)
  }
  await eventually(() => Promise.resolve(sizeOfCopy(followed) >= 3), { what: 'its own copy' })
  await follower.stop()
  await ledger.rest()

  const alone = await another(setBack)
  await publishOne(setBack)

  expect(await untilHalted(setBack)).toMatch(
    /log-set-back at|a checkpoint over \d+ entries was signed/,
  )
  expect(await setBack.sql('select from event_keys')).toEqual([])
  await alone.stop()
})

test('a ledger that has seen more than the database holds halts the one that leads, for good', async () => {
  const { LEDGER_KEY_FILE } = ledger.config
  const settings = { ...SHORT, LEDGER_KEY_FILE, LEDGER_CHECKPOINT_FILE: `${LEDGER_KEY_FILE}.fresh` }
  const grown = await givenLedger({ settings })
  await publishOne(grown)
  await untilSealed(grown, 1)

  const follower = await another(grown)

  expect(await untilHalted(grown)).toMatch(/log-set-back at the newest checkpoint/)
  await follower.stop()
  await grown.rest()
  await grown.run()
  expect(await untilHalted(grown)).toMatch(/log-set-back at the newest checkpoint/)
  const findings = await grown.sql('select kind, found from audit_findings where halts')
  expect(findings).toMatchObject([
    { kind: 'log-set-back', found: expect.stringMatching(/a checkpoint over \d+ entries was/) },
  ])
  await grown.stop()
})
