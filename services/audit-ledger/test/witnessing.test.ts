import { writeFileSync } from 'node:fs'
import { afterEach, expect, test } from '@jest/globals'
import { eventually, startTestWitness } from '@mumega/testkit'
import { openNote, parseVkey } from '@mumega/tlog/note'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { start } from '../src/service.ts'
import { anIntent, checkpointOf, publishIntents, receiptOf, sealedKeys } from './given.ts'
import {
  givenWitnessedLedger,
  keptOf,
  untilWitnessed,
  witnessHealth,
  type WitnessedLedger,
} from './given-witnesses.ts'

let given: WitnessedLedger

afterEach(() => given.stop())

test('each witness cosigns as the log grows, one question at a time, each from where it was', async () => {
  given = await givenWitnessedLedger({ threshold: 'all' })
  const { witnesses, bridge } = given
  const sizes: number[] = []
  for (const count of [1, 255, 1, 300]) {
    sizes.push(await given.grow(count))
    await untilWitnessed(bridge, sizes.at(-1) ?? 0)
  }

  expect(sizes).toEqual([1, 256, 257, 557])
  for (const witness of witnesses) {
    expect(witness.atOnceMax).toBe(1)
    expect(witness.cosigned).toEqual(expect.arrayContaining(sizes))
    // Nothing was asked in vain: each old size is the one that was cosigned before it.
    expect(witness.askedFrom).toEqual([0, ...witness.cosigned.slice(0, -1)])
  }
  const kept = await keptOf(given.ledger)
  expect(kept).toHaveLength(witnesses.reduce((sum, { cosigned }) => sum + cosigned.length, 0))
})

test('the served checkpoint and the receipts carry the cosignatures, for whoever knows the witnesses', async () => {
  given = await givenWitnessedLedger({ threshold: 'all' })
  const { witnesses, bridge, vkey, policy } = given
  const size = await given.grow(3)
  await untilWitnessed(bridge, size)
  const verifiers = [vkey, ...witnesses.map((witness) => witness.vkey)].map(parseVkey)
  const [key] = await sealedKeys(given.ledger)
  if (key === undefined) throw new Error('nothing was sealed')

  const { note = '' } = await checkpointOf(bridge)
  const { text } = await receiptOf(bridge, key)

  expect(openNote(note, verifiers).signatures).toHaveLength(4)
  expect(openNote(note, [parseVkey(vkey)]).unverified).toHaveLength(3)
  expect(verifyReceipt({ text, vkey }).status).toBe('valid')
  const verdict = verifyReceipt({ text, vkey, policy })
  expect(verdict.status).toBe('valid')
  expect(verdict.witnesses?.map(({ name }) => name)).toEqual(witnesses.map(({ name }) => name))
})

test('a receipt takes the newest checkpoint that the quorum cosigned, though the log has gone on', async () => {
  given = await givenWitnessedLedger({ threshold: 'all' })
  const { witnesses, bridge, vkey, policy } = given
  await untilWitnessed(bridge, await given.grow(5))
  witnesses[0].suffer('hangs')
  const size = await given.grow(5)
  const keys = await sealedKeys(given.ledger)
  const [first, last] = [keys[0], keys.at(-1)]
  if (first === undefined || last === undefined) throw new Error('nothing was sealed')

  const old = verifyReceipt({ text: (await receiptOf(bridge, first)).text, vkey, policy })
  const fresh = verifyReceipt({ text: (await receiptOf(bridge, last)).text, vkey, policy })
  const byTheLog = verifyReceipt({ text: (await receiptOf(bridge, last)).text, vkey })

  expect([old.status, old.checkpoint?.size]).toEqual(['valid', 5])
  expect([fresh.status, fresh.checkpoint?.size]).toEqual(['not-anchored', size])
  expect(fresh.reason).toContain('quorum all-three')
  expect(byTheLog.status).toBe('valid')
})

test('witnesses that take requests and never answer hold up neither sealing, signing nor a stop', async () => {
  given = await givenWitnessedLedger({ overdueMs: 100 })
  given.ledger.config.LEDGER_WITNESS_TIMEOUT_MS = 60_000
  await given.ledger.rest()
  await given.ledger.run()
  const { witnesses, bridge } = given
  for (const witness of witnesses) witness.suffer('hangs')

  const size = await given.grow(600)
  const late = await eventually(
    async () => {
      const health = await witnessHealth(bridge)
      return health.status === 'failing' && health
    },
    { what: 'the quorum is overdue' },
  )
  const stoppingMs = performance.now()
  await given.ledger.rest()

  expect(late.reason).toContain(`the quorum all-three has cosigned 0 of ${size} entries`)
  expect(performance.now() - stoppingMs).toBeLessThan(5_000)
  expect(witnesses.map(({ atOnceMax }) => atOnceMax)).toEqual([1, 1, 1])
})

test('what was cosigned is served again after a restart, and asked on from there', async () => {
  given = await givenWitnessedLedger({ threshold: 'all' })
  const { witnesses, bridge, ledger } = given
  const before = await untilWitnessed(bridge, await given.grow(10))
  await ledger.rest()
  for (const witness of witnesses) witness.suffer('hangs')
  await ledger.run()

  expect(await untilWitnessed(bridge, 10)).toBe(before)
  for (const witness of witnesses) witness.suffer(undefined)
  await untilWitnessed(bridge, await given.grow(1))
  for (const { askedFrom } of witnesses) expect(askedFrom.at(-1)).toBe(10)
})

test('a kept cosignature that was damaged is not served, so that the note stays readable', async () => {
  given = await givenWitnessedLedger({ threshold: '2' })
  const { witnesses, bridge, ledger, vkey } = given
  await untilWitnessed(bridge, await given.grow(4))
  await eventually(async () => (await keptOf(ledger)).length === 3, { what: 'all three' })
  await ledger.rest()
  for (const witness of witnesses) witness.suffer('hangs')
  await ledger.sql('alter table checkpoint_cosignatures disable trigger all')
  await ledger.sql(
    `update checkpoint_cosignatures set line = overlay(line placing 'AAAA' from length(line) - 20)
      where witness = 'a.example'`,
  )
  await ledger.run()

  const note = await untilWitnessed(bridge, 4)

  const verifiers = [vkey, ...witnesses.map((witness) => witness.vkey)].map(parseVkey)
  expect(openNote(note, verifiers).signatures.map(({ name }) => name)).toEqual([
    'localhost/test',
    'b.example',
    'c.example',
  ])
})

test('a log that grows all the time still gets its quorum, checkpoint after checkpoint', async () => {
  given = await givenWitnessedLedger({ threshold: 'all' })
  const { bridge } = given
  given.ledger.config.LEDGER_WITNESS_INTERVAL_MS = 300
  await given.ledger.rest()
  await given.ledger.run()
  let isGrowing = true
  const growing = (async () => {
    while (isGrowing) await publishIntents(bridge, [anIntent()])
  })()
  const sizes = new Set<string | undefined>()

  await eventually(
    async () => {
      sizes.add((await checkpointOf(bridge)).witnessedNote?.split('\n')[1])
      return sizes.size > 4
    },
    { what: 'four quorums' },
  )
  isGrowing = false
  await growing
})

test('a standby asks no witness; once it leads it does', async () => {
  given = await givenWitnessedLedger()
  const { ledger, bridge, vkey } = given
  const other = await startTestWitness({
    name: 'd.example',
    seed: Buffer.alloc(32, 4),
    logVkey: vkey,
  })
  const policyFile = `${ledger.config.LEDGER_KEY_FILE}.other-policy`
  writeFileSync(policyFile, `log ${vkey}\nwitness d ${other.vkey} ${other.url}\nquorum d\n`)
  const standby = await start({ ...ledger.config, LEDGER_WITNESS_POLICY_FILE: policyFile })
  await eventually(async () => (await ledger.sql('select from ledger_instances')).length === 2, {
    what: 'the standby',
  })

  await untilWitnessed(bridge, await given.grow(2))
  await untilWitnessed(bridge, await given.grow(1))
  const askedBefore = [...other.askedFrom]
  await ledger.rest()
  await eventually(() => Promise.resolve(other.cosigned.length > 0), { what: 'the new leader' })
  await standby.stop()
  await other.stop()

  expect(askedBefore).toEqual([])
  expect(other.askedFrom[0]).toBe(0)
})
