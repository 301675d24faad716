import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import { eventually, opensslPresent, startTestSuite, startTestTsa } from '@mumega/testkit'
import { NotHere, type Finding } from './finding.ts'
import { growTo } from './growth.ts'
import { lastLine, runCommand } from './run-command.ts'

// Anchors: whatever was stamped on the way to one of them, it is due itself.
const SIZES = [256, 1_280] as const
const OPENSSL_MS_MAX = 10_000

interface Judging {
  folder: string
  caFile: string
  gatewayUrl: string
  token: string
}

/**
 * `openssl ts -verify` judges the time-stamps that we serve over the checkpoints that we serve; and
 * it must refuse one of them over another checkpoint.
 */
export async function judgeTimestamps(): Promise<Finding[]> {
  const { isPresent, reason } = opensslPresent()
  if (!isPresent) throw new NotHere(reason)
  const { output } = await runCommand('openssl', ['version'], { timeoutMs: OPENSSL_MS_MAX })
  const tsa = await startTestTsa()
  const folder = mkdtempSync(join(tmpdir(), 'mumega-stamps-'))
  const ledger = {
    LEDGER_TSA_URL: tsa.url,
    LEDGER_TSA_CA_FILE: tsa.caFile,
    LEDGER_TSA_ANCHORS: '1',
  }
  const suite = await startTestSuite({ services: SERVICES, env: { 'audit-ledger': ledger } })
  const admin = new Client({ connectionString: suite.database.adminUrl })
  const version = output.split(' ')[1] ?? ''
  const findings: Finding[] = []
  const found = (checked: string, isPassed: boolean, said: string) => {
    const result = isPassed ? 'passed' : 'failed'
    findings.push({ tool: 'openssl ts', version, checked, result, reason: said })
  }
  try {
    await admin.connect()
    const bus = await suite.bus('bridge')
    const { gatewayUrl } = suite
    const judging = { folder, caFile: tsa.caFile, gatewayUrl, token: await suite.operatorToken() }
    for (const size of SIZES) {
      await growTo({ bus, admin }, size)
      const { code, output: said } = await judge(judging, { reply: size, note: size })
      found(`the time-stamp of a log of ${size}`, code === 0, verdictOf(said))
    }
    const [first, second] = SIZES
    const { code, output: said } = await judge(judging, { reply: first, note: second })
    found('a time-stamp of another checkpoint is refused', code !== 0, verdictOf(said))
    return findings
  } finally {
    await admin.end()
    await suite.stop()
    await tsa.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Among notes of its own the line that says it. */
function verdictOf(said: string): string {
  return said.split('\n').find((line) => line.startsWith('Verification')) ?? lastLine(said)
}

async function judge(
  { folder, caFile, ...from }: Judging,
  { reply, note }: { reply: number; note: number },
) {
  const replyFile = join(folder, 'reply.tsr')
  const noteFile = join(folder, 'note')
  writeFileSync(replyFile, await fileOf(from, `timestamps/${reply}`))
  writeFileSync(noteFile, await fileOf(from, `timestamps/${note}/checkpoint`))
  const words = ['ts', '-verify', '-in', replyFile, '-data', noteFile, '-CAfile', caFile]
  return runCommand('openssl', words, { timeoutMs: OPENSSL_MS_MAX })
}

async function fileOf(
  { gatewayUrl, token }: Pick<Judging, 'gatewayUrl' | 'token'>,
  path: string,
): Promise<Buffer> {
  const answer = await eventually(
    async () => {
      const headers = { authorization: `Bearer ${token}` }
      const asked = await fetch(`${gatewayUrl}/v1/audit/${path}`, { headers })
      return asked.ok && asked
    },
    { what: path },
  )
  return Buffer.from(await answer.arrayBuffer())
}
