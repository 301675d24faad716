import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import { startTestSuite } from '@mumega/testkit'
import { generateVkey, signerFromSeed } from '@mumega/tlog/note'
import type { Finding } from './finding.ts'
import { buildFsck, openFsck } from './fsck.ts'
import { requiredVersion } from './go-module.ts'
import { growTo } from './growth.ts'
import {
  buildHammer,
  publishedSize,
  runHammer,
  startShim,
  TESSERA,
  type HammeredLog,
  type HammerOrder,
} from './hammer.ts'
import { lastLine, type Ended } from './run-command.ts'

const FIRST_SIZE = 257
const GOAL = 20_000
const ORDER: HammerOrder = {
  writers: 128,
  leafBytes: 512,
  // As is its own default: a leaf that comes again is another event of ours.
  dupChance: 0.1,
  goal: GOAL,
  runSeconds: 60,
}

/**
 * Tessera's hammer writes to our log by the shim and reads it by the gateway, both at once: it
 * holds each checkpoint to the one before and fetches bundles all the while. Then fsck reads what
 * became of it, and the log of another key, and one that takes nothing, must fail.
 */
export async function judgeHammer(): Promise<Finding[]> {
  const program = await buildHammer()
  const fsck = await buildFsck()
  const env = { gateway: { MUMEGA_RATE_LIMIT_PER_MINUTE: '1000000' } }
  const suite = await startTestSuite({ services: SERVICES, env })
  const admin = new Client({ connectionString: suite.database.adminUrl })
  try {
    await admin.connect()
    const { log, stop } = await startShim(suite, FIRST_SIZE + 1)
    try {
      await growTo({ admin, bus: await suite.bus('bridge') }, FIRST_SIZE)
      const written = await runHammer(program, log, ORDER)
      return [
        await judgeWritten(admin, log, written),
        await judgeByFsck(fsck, log),
        ...(await judgeRefusals(program, log, stop)),
      ]
    } finally {
      await stop()
    }
  } finally {
    await admin.end()
    await suite.stop()
  }
}

/** It ended well and complained of nothing, and no event is in the log twice. */
async function judgeWritten(
  admin: Client,
  log: HammeredLog,
  { code, output }: Ended,
): Promise<Finding> {
  // With its goal reached it calls off what is under way, and complains of that.
  const [untilGoal = ''] = output.split('Reached tree size goal')
  const complaints = untilGoal.split('\n').filter((line) => /^[WEF]\d{4} /.test(line))
  const { rows } = await admin.query<{ entries: string; ids: string }>(
    `select count(*) as entries, count(distinct id) as ids
       from audit_ledger.event_keys where source = 'bridge'`,
  )
  const [counts] = rows
  const size = (await publishedSize(log)) ?? 0
  const isPassed =
    code === 0 &&
    complaints.length === 0 &&
    output.includes('Reached tree size goal') &&
    size >= FIRST_SIZE + GOAL &&
    counts?.entries === counts?.ids
  if (!isPassed) process.stderr.write(`${output}\n`)
  const reason = complaints[0] ?? lastLine(output).replace(/^.*\] /, '')
  return findingOf('a log that it writes to and reads', isPassed, reason)
}

async function judgeByFsck(program: string, log: HammeredLog): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-hammer-'))
  try {
    const output = await openFsck(log, { program, folder })()
    const isPassed = output.includes("Successfully fsck'd log")
    return findingOf('fsck reads what it has written', isPassed, lastLine(output))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a judge that cannot fail would let pass. */
async function judgeRefusals(
  program: string,
  log: HammeredLog,
  stopShim: () => Promise<void>,
): Promise<Finding[]> {
  const [name = ''] = log.vkey.split('+')
  const other = generateVkey(name, signerFromSeed(name, Buffer.alloc(32, 1)).publicKey)
  const byOther = await runHammer(program, { ...log, vkey: other }, { ...ORDER, runSeconds: 5 })
  // It goes on reading, and nobody takes what it writes.
  await stopShim()
  const idle = await runHammer(program, log, { ...ORDER, runSeconds: 5 })
  return [
    refusalOf('the log of another key is refused', byOther),
    refusalOf('a log that takes nothing is found out', idle),
  ]
}

function refusalOf(checked: string, { code, output }: Ended): Finding {
  return findingOf(checked, code !== 0, lastLine(output))
}

function findingOf(checked: string, isPassed: boolean, reason: string): Finding {
  return {
    tool: 'Tessera hammer',
    version: requiredVersion('tessera', TESSERA),
    checked,
    result: isPassed ? 'passed' : 'failed',
    reason: reason.replace(/^.*\] /, ''),
  }
}
