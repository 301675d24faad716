import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import { loadLedgerSeed } from '@mumega/local/ledger-key'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { generateVkey, signerFromSeed } from '@mumega/tlog/note'
import type { Finding } from './finding.ts'
import { buildGo, requiredVersion } from './go-module.ts'
import { growTo, publish } from './growth.ts'
import { lastLine, runCommand } from './run-command.ts'

const MODULE = 'github.com/transparency-dev/formats'
const TOOL = 'Go witness (formats, merkle)'
const ORIGIN = 'localhost/mumega'
const SIZES = [256, 257, 1_003, 4_099] as const
// Past the size that the witness has cosigned of the true log.
const FORKED_SIZE = 5_000

interface Ground {
  program: string
  folder: string
  keyFile: string
  vkeyFile: string
  policyFile: string
  witnessUrl: string
}

/**
 * A witness made of transparency-dev's own modules cosigns our checkpoints as the log grows, and
 * judges what we serve by its own reading of the policy. Then a log of the same key and origin with
 * another history comes to it: it must refuse, and that log must say so.
 */
export async function judgeWitness(): Promise<Finding[]> {
  const program = await buildGo('witness', '.')
  const folder = mkdtempSync(join(tmpdir(), 'mumega-witness-'))
  const keyFile = join(folder, 'ledger.key')
  const seed = loadLedgerSeed(keyFile)
  const vkeyFile = join(folder, 'log.vkey')
  const vkey = generateVkey(ORIGIN, signerFromSeed(ORIGIN, seed).publicKey)
  writeFileSync(vkeyFile, vkey)
  const out = join(folder, 'witness')
  const witness = spawn(program, ['serve', vkeyFile, out], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    await eventually(() => Promise.resolve(existsSync(out)), { what: 'the witness listens' })
    const [witnessVkey = '', witnessUrl = ''] = readFileSync(out, 'utf8').split('\n')
    const policyFile = join(folder, 'policy')
    writeFileSync(
      policyFile,
      `log ${vkey}\nwitness go ${witnessVkey} ${witnessUrl}\ngroup all-of-them all go\nquorum all-of-them\n`,
    )
    const ground = { program, folder, keyFile, vkeyFile, policyFile, witnessUrl }
    const cosigned = await inSuite(ground, 'true', (log) => judgeGrowth(ground, log))
    const forked = await inSuite(ground, 'forked', (log) => judgeFork(ground, log))
    return [...cosigned, forked]
  } finally {
    await ended(witness)
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Log {
  suite: TestSuite
  admin: Client
}

/** A suite of its own with the same key and witness, on a database of its own. */
async function inSuite<Result>(
  { keyFile, policyFile, folder }: Ground,
  name: string,
  judge: (log: Log) => Promise<Result>,
): Promise<Result> {
  const ledger = {
    LEDGER_KEY_FILE: keyFile,
    LEDGER_CHECKPOINT_FILE: join(folder, `${name}.checkpoint`),
    LEDGER_WITNESS_POLICY_FILE: policyFile,
    LEDGER_WITNESS_INTERVAL_MS: '50',
  }
  const suite = await startTestSuite({ services: SERVICES, env: { 'audit-ledger': ledger } })
  const admin = new Client({ connectionString: suite.database.adminUrl })
  try {
    await admin.connect()
    return await judge({ suite, admin })
  } finally {
    await admin.end()
    await suite.stop()
  }
}

async function judgeGrowth(ground: Ground, { suite, admin }: Log): Promise<Finding[]> {
  const bus = await suite.bus('bridge')
  const token = await suite.operatorToken()
  const findings: Finding[] = []
  for (const size of SIZES) {
    await growTo({ bus, admin }, size)
    const note = await eventually(() => witnessedNote(suite, token, size), {
      what: `the witness has cosigned ${size}`,
    })
    const noteFile = join(ground.folder, 'note')
    writeFileSync(noteFile, note)
    const words = ['judge', ground.policyFile, ground.vkeyFile, noteFile]
    const { code, output } = await runCommand(ground.program, words, { timeoutMs: 10_000 })
    const isPassed = code === 0 && output.includes(`cosigned ${size}\n`)
    findings.push(findingOf(`a log of ${size} is cosigned`, isPassed, lastLine(output)))
  }
  return findings
}

async function witnessedNote(
  { gatewayUrl }: TestSuite,
  token: string,
  size: number,
): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${token}` }
  const answer = await fetch(`${gatewayUrl}/v1/audit/checkpoint/witnessed`, { headers })
  const note = await answer.text()
  return answer.ok && note.split('\n')[1] === String(size) ? note : undefined
}

async function judgeFork({ witnessUrl }: Ground, { suite, admin }: Log): Promise<Finding> {
  const before = await sizeOf(witnessUrl)
  await publish(await suite.bus('bridge'), { from: 0, to: FORKED_SIZE })
  const refusal = await eventually(
    async () => {
      const { rows } = await admin.query<{ fault: string; reason: string }>(
        `select fault, reason from audit_ledger.witness_refusals where fault = 'inconsistent'`,
      )
      return rows[0]
    },
    { what: 'the refusal is on record', timeoutMs: 60_000 },
  )
  const { rows: kept } = await admin.query('select from audit_ledger.checkpoint_cosignatures')
  const isPassed = kept.length === 0 && (await sizeOf(witnessUrl)) === before && before > 0
  return findingOf('a forked log is refused, and says so', isPassed, refusal.reason)
}

async function sizeOf(witnessUrl: string): Promise<number> {
  return Number(await (await fetch(`${witnessUrl}/size`)).text())
}

function findingOf(checked: string, isPassed: boolean, reason: string): Finding {
  const version = requiredVersion('witness', MODULE)
  return { tool: TOOL, version, checked, result: isPassed ? 'passed' : 'failed', reason }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  // It keeps nothing that would have to be written.
  child.kill('SIGKILL')
  await exit
}
