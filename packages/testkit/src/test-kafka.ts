import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { findKcat, type Kcat } from '@mumega/local/kcat'
import { skipUnless, type DefineTest } from './skip-unless.ts'

export interface TestKafka {
  /** As `KAFKA_BROKERS` takes it. */
  readonly brokers: string
  /** Whether it knows idempotent producers. */
  readonly isIdempotent: boolean
  /** Makes the broker stand still: connections stay, and nothing is answered. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  stop(): Promise<void>
}

export interface KafkaTests {
  readonly isPresent: boolean
  /** Jest's `test` where the broker can be had; elsewhere one that skips and says why. */
  readonly kafkaTest: DefineTest
  start(): Promise<TestKafka>
}

const BOOTSTRAP = /Mock cluster \S+ bootstrap\.servers=(\S+)/
const START_MS_MAX = 10_000

/**
 * Finds kcat, fetching it where that is possible, for the broker that librdkafka has for tests: it
 * keeps everything in memory, with its groups.
 */
export async function findTestKafka(test: DefineTest & { skip: DefineTest }): Promise<KafkaTests> {
  const found = await findKcat()
  const isPresent = 'path' in found
  return {
    isPresent,
    kafkaTest: skipUnless(test, { isPresent, reason: isPresent ? '' : found.reason }),
    start: () => {
      if (!isPresent) throw new Error(found.reason)
      return startMock(found)
    },
  }
}

async function startMock({ path, env }: Kcat): Promise<TestKafka> {
  // A consumer whose client runs the broker; what it logs tells where.
  const words = ['-C', '-t', 'unused', '-b', 'ignored:1', '-d', 'mock', '-q']
  const child = spawn(path, [...words, '-X', 'test.mock.num.brokers=1'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    return {
      brokers: await bootstrapOf(child),
      // It names no controller, whom a client asks for a producer's id.
      isIdempotent: false,
      freeze: () => signalled(child, 'SIGSTOP'),
      thaw: () => signalled(child, 'SIGCONT'),
      stop: () => ended(child),
    }
  } catch (error) {
    await ended(child)
    throw error
  }
}

async function bootstrapOf(child: ChildProcess): Promise<string> {
  let output = ''
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`kcat named no broker: ${output.slice(-500)}`))
    }, START_MS_MAX)
    child.once('error', reject)
    // Read on to the end: it would stand still when nobody does.
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (output.length > 100_000) return
      output += chunk
      const [, brokers] = BOOTSTRAP.exec(output) ?? []
      if (brokers === undefined) return
      clearTimeout(timer)
      resolve(brokers)
    })
  })
}

function signalled(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal)
  return Promise.resolve()
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
