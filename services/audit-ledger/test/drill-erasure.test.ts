import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { DrillRefused } from '../src/drill/refused.ts'
import { drillTamper } from '../src/drill/tamper.ts'
import { givenLedger, OPERATOR, sealedKeys, type TestLedger } from './given.ts'
import { drillCopiesOf, drillOptionsOf } from './given-drill.ts'
import { redact } from './given-redactions.ts'
import { givenSignedBatches } from './given-scrubber.ts'

const DRILL = fileURLToPath(new URL('../src/drill/main.js', import.meta.url))

let ledger: TestLedger

beforeEach(async () => {
  ledger = await givenLedger()
  await givenSignedBatches(ledger, 2)
})
afterEach(() => ledger.stop())

/** The program, as a person starts it. */
async function givenDrill(): Promise<ChildProcess> {
  const { adminUrl, vkey, checkpointFile } = await drillOptionsOf(ledger)
  const env = {
    ...process.env,
    DATABASE_URL: adminUrl,
    LEDGER_VKEY: vkey,
    LEDGER_CHECKPOINT_FILE: checkpointFile,
  }
  return spawn(process.execPath, [DRILL], { env, stdio: 'ignore' })
}

/** Resolves when the copy is complete: then its scrubber reads it. */
const untilCopied = () =>
  eventually(
    async () => {
      const [name] = await drillCopiesOf(ledger)
      const sessions = await ledger.sql(
        `select from pg_stat_activity where datname = $1 and query like '%audit_findings%'`,
        [name],
      )
      return sessions.length > 0 && name
    },
    { what: 'a copy that is drilled on' },
  )

async function erase(): Promise<void> {
  const [first] = await sealedKeys(ledger)
  await redact(await ledger.bus('bridge'), first?.id ?? '', { context: OPERATOR })
}

test('an erasure removes the copy that a killed drill has left', async () => {
  const drill = await givenDrill()
  await untilCopied()
  drill.kill('SIGKILL')
  await once(drill, 'exit')
  expect(await drillCopiesOf(ledger)).toHaveLength(1)

  await erase()

  expect(await drillCopiesOf(ledger)).toEqual([])
})

test('an erasure ends a drill that is on, and its copy is gone before it answers', async () => {
  const drill = drillTamper(await drillOptionsOf(ledger))
  const ended = drill.catch((error: unknown) => error)
  await untilCopied()

  await erase()

  expect(await drillCopiesOf(ledger)).toEqual([])
  expect(await ended).toMatchObject({
    name: DrillRefused.name,
    message: expect.stringMatching(/^A payload was erased meanwhile/),
  })
})

test('a drill that is killed after an erasure leaves nothing of what was erased', async () => {
  const drill = await givenDrill()
  const exited = once(drill, 'exit')
  await untilCopied()

  await erase()
  drill.kill('SIGKILL')

  await exited
  expect(await drillCopiesOf(ledger)).toEqual([])
})
