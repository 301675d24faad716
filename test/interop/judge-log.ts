import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import type { Bus } from '@mumega/bus'
import { startTestSuite, type TestSuite } from '@mumega/testkit'
import type { Finding } from './finding.ts'
import { buildGo, requiredVersion } from './go-module.ts'
import { growTo } from './growth.ts'
import { auditorToken, TESSERA } from './hammer.ts'
import { lastLine, runCommand } from './run-command.ts'

// Around the edge of a tile, no power of two, and three levels of tiles.
const SIZES = [256, 257, 1_003, 70_000] as const
// Its exit code is 0 also when it has failed.
const SUCCESS = "Successfully fsck'd log"
const FSCK_MS_MAX = 120_000

interface Ground {
  suite: TestSuite
  bus: Bus
  admin: Client
  /** Runs fsck over the log as it is served now; what it says. */
  fsck(): Promise<string>
}

/**
 * Tessera's fsck reads our tiles and bundles over HTTP, builds the tree anew and compares it with
 * the signed checkpoint, at several sizes; then one byte of the log is altered, and it must notice.
 */
export async function judgeLog(): Promise<Finding[]> {
  const program = await buildGo('tessera', `${TESSERA}/cmd/fsck`)
  const version = requiredVersion('tessera', TESSERA)
  const env = { gateway: { MUMEGA_RATE_LIMIT_PER_MINUTE: '1000000' } }
  const suite = await startTestSuite({ services: SERVICES, env })
  const folder = mkdtempSync(join(tmpdir(), 'mumega-fsck-'))
  const admin = new Client({ connectionString: suite.database.adminUrl })
  try {
    await admin.connect()
    const fsck = await givenFsck(suite, { program, folder })
    const ground = { suite, admin, fsck, bus: await suite.bus('bridge') }
    const findings: Finding[] = []
    for (const size of SIZES) {
      await growTo(ground, size)
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

/** With the token of an auditor, as a stranger would have it. */
async function givenFsck(
  suite: TestSuite,
  { program, folder }: { program: string; folder: string },
): Promise<Ground['fsck']> {
  const bearerToken = await auditorToken(suite)
  const key = await fetch(`${suite.gatewayUrl}/v1/audit/key`)
  const keyFile = join(folder, 'vkey')
  writeFileSync(keyFile, await key.text())
  const words = [
    `--storage_url=${suite.gatewayUrl}/log/`,
    `--public_key=${keyFile}`,
    `--bearer_token=${bearerToken}`,
    ...['--ui=false', '--N=4'],
  ]
  return async () => (await runCommand(program, words, { timeoutMs: FSCK_MS_MAX })).output
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
