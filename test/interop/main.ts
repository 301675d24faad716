import { inspect } from 'node:util'
import setUp from '@mumega/testkit/global-setup'
import tearDown from '@mumega/testkit/global-teardown'
import { linesOf, NotHere, tableOf, type Finding } from './finding.ts'
import { judgeConformance } from './judge-conformance.ts'
import { judgeHammer } from './judge-hammer.ts'
import { judgeLog } from './judge-log.ts'
import { judgeNode } from './judge-node.ts'
import { judgeReceipt } from './judge-receipt.ts'
import { judgeTimestamps } from './judge-timestamps.ts'
import { judgeTraces } from './judge-traces.ts'
import { judgeWitness } from './judge-witness.ts'

interface Judge {
  name: string
  tool: string
  judge: () => Promise<Finding[]>
}

const JUDGES: readonly Judge[] = [
  { name: 'jaeger', tool: 'Jaeger', judge: judgeTraces },
  { name: 'go-sumdb', tool: 'Go sumdb/note, sumdb/tlog', judge: judgeReceipt },
  { name: 'fsck', tool: 'Tessera fsck', judge: judgeLog },
  { name: 'hammer', tool: 'Tessera hammer', judge: judgeHammer },
  { name: 'witness', tool: 'Go witness (formats, merkle)', judge: judgeWitness },
  { name: 'timestamps', tool: 'openssl ts', judge: judgeTimestamps },
  { name: 'conformance', tool: 'MCP conformance', judge: judgeConformance },
  { name: 'node', tool: 'Node', judge: judgeNode },
]

const REASON_CHARACTERS_MAX = 200

const say = (line: string) => process.stdout.write(`${line}\n`)

/**
 * `npm run interop [name …]`: has strangers' tools judge ours, each as far as it can be had here.
 */
async function main(names: readonly string[]): Promise<number> {
  const known = JUDGES.map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    say(`Unknown: ${unknown.join(' ')}. There are: ${known.join(' ')}`)
    return 2
  }
  const findings: Finding[] = []
  await setUp()
  try {
    for (const judge of JUDGES) {
      if (names.length > 0 && !names.includes(judge.name)) continue
      process.stderr.write(`${judge.tool} …\n`)
      findings.push(...(await findingsOf(judge)))
    }
  } finally {
    await tearDown()
  }
  say(`${tableOf(findings)}\n`)
  say(linesOf(findings))
  return findings.some(({ result }) => result === 'failed') ? 1 : 0
}

async function findingsOf({ tool, judge }: Judge): Promise<Finding[]> {
  try {
    return await judge()
  } catch (error) {
    // The whole of it goes to the terminal, the beginning into the table.
    process.stderr.write(`${inspect(error)}\n`)
    const message = error instanceof Error ? error.message : String(error)
    const reason = message.replaceAll(/\s+/g, ' ').slice(0, REASON_CHARACTERS_MAX)
    const result = error instanceof NotHere ? 'skipped' : 'failed'
    return [{ tool, version: '', checked: '', result, reason }]
  }
}

process.exitCode = await main(process.argv.slice(2))
