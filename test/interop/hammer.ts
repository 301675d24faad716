import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestSuite } from '@mumega/testkit'
import { buildGo } from './go-module.ts'
import { runCommand, type Ended } from './run-command.ts'

export const TESSERA = 'github.com/transparency-dev/tessera'

/** A log as strangers read it. */
export interface PublishedLog {
  /** Where `checkpoint` and `tile/…` are; ends with a slash. */
  readonly readUrl: string
  /** The log's verifier key. */
  readonly vkey: string
  /** For reading, where the log is private. */
  readonly bearerToken?: string
}

/** A log as Tessera's hammer sees one. */
export interface HammeredLog extends PublishedLog {
  /** Where `add` is; ends with a slash. */
  readonly writeUrl: string
}

export interface HammerOrder {
  readonly writers: number
  /** Bytes of each leaf, and a few more. */
  readonly leafBytes: number
  /** Of the leaves that were written before; 0 writes each once. */
  readonly dupChance: number
  /** Leaves after which it ends well; until `runSeconds` are over, and then with 1, without. */
  readonly goal?: number
  readonly runSeconds: number
}

// So many that only the log bounds the rate.
const WRITES_PER_SECOND_MAX = 100_000
// Beyond the hammer's own end: it opens its connections first.
const GRACE_MS = 20_000

/** Tessera's hammer, built at the version of the harness. @throws NotHere */
export function buildHammer(): Promise<string> {
  return buildGo('tessera', `${TESSERA}/internal/hammer`)
}

/** Runs the hammer to its end. Its readers fetch bundles at their defaults all the while. */
export function runHammer(program: string, log: HammeredLog, order: HammerOrder): Promise<Ended> {
  const words = [
    `--log_url=${log.readUrl}`,
    `--write_log_url=${log.writeUrl}`,
    `--log_public_key=${log.vkey}`,
    `--num_writers=${order.writers}`,
    `--max_write_ops=${WRITES_PER_SECOND_MAX}`,
    `--leaf_min_size=${order.leafBytes}`,
    `--dup_chance=${order.dupChance}`,
    `--leaf_write_goal=${order.goal ?? 0}`,
    `--max_runtime=${order.runSeconds}s`,
    ...(log.bearerToken === undefined ? [] : [`--bearer_token=${log.bearerToken}`]),
    ...['--show_ui=false', '--logtostderr'],
  ]
  return runCommand(program, words, { timeoutMs: order.runSeconds * 1_000 + GRACE_MS })
}

const LOOK_MS = 100

/**
 * Leaves a second that a log took while `running` is under way: from its first checkpoint with
 * growth to its last, as a reader sees them come. So the hammer's first idle second, and how often
 * a log signs, make no difference between two logs.
 */
export async function growthRate(log: HammeredLog, running: Promise<unknown>): Promise<number> {
  const seen: { size: number; atMs: number }[] = []
  let isOver = false
  const end = running.finally(() => (isOver = true))
  while (!isOver) {
    const size = await publishedSize(log)
    if (size !== undefined && size !== seen.at(-1)?.size) {
      seen.push({ size, atMs: performance.now() })
    }
    await Promise.race([pause(LOOK_MS), end])
  }
  await end
  // The first one is from before.
  const [, first] = seen
  const last = seen.at(-1)
  if (first === undefined || last === undefined || last === first) {
    throw new Error('the log did not grow')
  }
  return ((last.size - first.size) * 1_000) / (last.atMs - first.atMs)
}

/** The size in the log's newest checkpoint; undefined while it has none. */
export async function publishedSize(log: PublishedLog): Promise<number | undefined> {
  const headers: Record<string, string> =
    log.bearerToken === undefined ? {} : { authorization: `Bearer ${log.bearerToken}` }
  const answer = await fetch(`${log.readUrl}checkpoint`, { headers })
  const note = await answer.text()
  return answer.ok ? Number(note.split('\n')[1]) : undefined
}

/** Something that was started for a hammer. */
export interface Started {
  readonly log: HammeredLog
  stop(): Promise<void>
}

/**
 * Our log behind a gateway, with `POST /add` in front of the bus: add-shim/main.go has the details.
 *
 * @throws NotHere
 */
export async function startShim(suite: TestSuite, firstNumber: number): Promise<Started> {
  const { nats } = suite
  const program = await buildGo('add-shim', '.')
  const shim = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  // It ends with its input, so also with this process.
  shim.stdin.write(
    `${JSON.stringify({
      natsUrl: nats.url,
      bridgeSeed: nats.seedOf('bridge'),
      adminSeed: nats.adminSeed,
      firstNumber,
    })}\n`,
  )
  const lines = createInterface({ input: shim.stdout })
  const [writeUrl] = (await Promise.race([once(lines, 'line'), failed(shim)])) as [string]
  return { log: { ...(await givenPublished(suite)), writeUrl }, stop: () => ended(shim) }
}

/** The log as a stranger sees it, with the token of an auditor. */
export async function givenPublished(suite: TestSuite): Promise<PublishedLog> {
  const bearerToken = await auditorToken(suite)
  const key = await fetch(`${suite.gatewayUrl}/v1/audit/key`)
  return { readUrl: `${suite.gatewayUrl}/log/`, vkey: (await key.text()).trim(), bearerToken }
}

async function auditorToken(suite: TestSuite): Promise<string> {
  const made = await fetch(`${suite.gatewayUrl}/v1/tokens`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await suite.operatorToken()}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ kind: 'operator', scopes: ['log:read'] }),
  })
  if (!made.ok) throw new Error(`no token for an auditor: ${await made.text()}`)
  const { secret } = (await made.json()) as { secret: string }
  return secret
}

/** Ends a process that keeps nothing that would have to be written. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null]
  throw new Error(`${child.spawnfile} ended with ${code}`)
}
