import { inspect } from 'node:util'
import setUp from '@mumega/testkit/global-setup'
import tearDown from '@mumega/testkit/global-teardown'
import { linesOf, NO_TIME_LEFT, NotHere, tableOf, type Finding } from './finding.ts'
import { judgeAsyncApi } from './judge-asyncapi.ts'
import { judgeConformance } from './judge-conformance.ts'
import { judgeHammer } from './judge-hammer.ts'
import { judgeKafka } from './judge-kafka.ts'
import { judgeLog } from './judge-log.ts'
import { judgeNode } from './judge-node.ts'
import { judgeReceipt } from './judge-receipt.ts'
import { judgeTimestamps } from './judge-timestamps.ts'
import { judgeTraces } from './judge-traces.ts'
import { judgeWitness } from './judge-witness.ts'

interface Judge {
  name: string
  tool: string
  /** `isOver` says that there is no time for more. */
  judge: (isOver: () => boolean) => Promise<Finding[]>
}

const JUDGES: readonly Judge[] = [
  { name: 'jaeger', tool: 'Jaeger', judge: judgeTraces },
  { name: 'go-sumdb', tool: 'Go sumdb/note, sumdb/tlog', judge: judgeReceipt },
  { name: 'fsck', tool: 'Tessera fsck', judge: judgeLog },
  { name: 'hammer', tool: 'Tessera hammer', judge: judgeHammer },
  { name: 'witness', tool: 'Go witness (formats, merkle)', judge: judgeWitness },
  { name: 'timestamps', tool: 'openssl ts', judge: judgeTimestamps },
  { name: 'kafka', tool: 'Kafka', judge: judgeKafka },
  { name: 'asyncapi', tool: 'AsyncAPI parser', judge: judgeAsyncApi },
  { name: 'conformance', tool: 'MCP conformance', judge: judgeConformance },
  { name: 'node', tool: 'Node', judge: judgeNode },
]

const REASON_CHARACTERS_MAX = 200
// A machine that has to build every tool first may need longer than it is given.
const SECONDS_DEFAULT = 3_600

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
  const endMs = performance.now() + secondsGiven() * 1_000
  const isOver = () => performance.now() > endMs
  await setUp()
  try {
    for (const judge of JUDGES) {
      if (names.length > 0 && !names.includes(judge.name)) continue
      process.stderr.write(`${judge.tool} …\n`)
      findings.push(...(await findingsOf(judge, isOver)))
    }
  } finally {
    await tearDown()
  }
  say(`${tableOf(findings)}\n`)
  say(linesOf(findings))
  return findings.some(({ result }) => result === 'failed') ? 1 : 0
}

/** What `MUMEGA_INTEROP_SECONDS` gives: a judge that has not begun by then is skipped. */
function secondsGiven(): number {
  const given = process.env['MUMEGA_INTEROP_SECONDS'] ?? String(SECONDS_DEFAULT)
  const seconds = Number(given)
  if (Number.isInteger(seconds) && seconds > 0) return seconds
  throw new Error(`MUMEGA_INTEROP_SECONDS is ${given}. Give a whole number above 0.`)
}

async function findingsOf({ tool, judge }: Judge, isOver: () => boolean): Promise<Finding[]> {
  if (isOver()) return [{ tool, version: '', checked: '', ...NO_TIME_LEFT }]
  try {
    return await judge(isOver)
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
