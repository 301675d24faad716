import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import { eventually, startTestSuite } from '@mumega/testkit'
import type { Finding } from './finding.ts'
import { buildFsck, openFsck } from './fsck.ts'
import { requiredVersion } from './go-module.ts'
import { growTo } from './growth.ts'
import { givenPublished, publishedSize, TESSERA } from './hammer.ts'
import { lastLine } from './run-command.ts'

// Around the edge of a tile, no power of two, and three levels of tiles.
const SIZES = [256, 257, 1_003, 70_000] as const
// Its exit code is 0 also when it has failed.
const SUCCESS = "Successfully fsck'd log"

/**
 * Tessera's fsck reads our tiles and bundles over HTTP, builds the tree anew and compares it with
 * the signed checkpoint, at several sizes; then one byte of the log is altered, and it must notice.
 */
export async function judgeLog(): Promise<Finding[]> {
  const program = await buildFsck()
  const version = requiredVersion('tessera', TESSERA)
  const env = { gateway: { MUMEGA_RATE_LIMIT_PER_MINUTE: '1000000' } }
  const suite = await startTestSuite({ services: SERVICES, env })
  const folder = mkdtempSync(join(tmpdir(), 'mumega-fsck-'))
  const admin = new Client({ connectionString: suite.database.adminUrl })
  try {
    await admin.connect()
    const log = await givenPublished(suite)
    const fsck = openFsck(log, { program, folder })
    const growing = { admin, bus: await suite.bus('bridge') }
    const findings: Finding[] = []
    for (const size of SIZES) {
      await growTo(growing, size)
      // Stored is not served yet: its copy outside the database comes first.
      await eventually(async () => (await publishedSize(log)) === size, {
        what: `a checkpoint of ${size} is served`,
      })
      const output = await fsck()
      const isPassed = output.includes(`${SUCCESS} with size ${size} `)
      findings.push(findingOf(version, { checked: `a log of ${size}`, isPassed, output }))
    }
    await alterOldEntry(admin)
    const output = await fsck()
    const checked = 'a log with one altered byte is refused'
    const isPassed = output.includes('fsck failed') && !output.includes(SUCCESS)
    findings.push(findingOf(version, { checked, isPassed, output }))
    return findings
  } finally {
    await admin.end()
    rmSync(folder, { recursive: true, force: true })
    await suite.stop()
  }
}

function findingOf(
  version: string,
  { checked, isPassed, output }: { checked: string; isPassed: boolean; output: string },
): Finding {
  // It prints whole tiles in hex where two disagree.
  const said = output.replaceAll(/[0-9a-f]{65,}/g, (hex) => `${hex.slice(0, 16)}…`)
  if (!isPassed) process.stderr.write(`${said}\n`)
  const result = isPassed ? 'passed' : 'failed'
  const reason = said.split('\n').find((line) => line.includes('failed:')) ?? lastLine(said)
  return { tool: 'Tessera fsck', version, checked, result, reason: reason.replace(/^.*\] /, '') }
}

/** Flips one bit of the text of an entry that was signed long ago, past every guard. */
async function alterOldEntry(admin: Client): Promise<void> {
  await admin.query('alter table audit_ledger.event_batches disable trigger all')
  await admin.query(
    `update audit_ledger.event_batches set entries = set_byte(entries, 40, get_byte(entries, 40) # 1)
      where first_index = (select max(first_index) from audit_ledger.event_batches
                            where first_index < 1000)`,
  )
}
