import { createHash } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findOnPath } from '@mumega/local/nats-version'
import { freePort } from '@mumega/local/ports'
import { eventually } from '@mumega/testkit'
import { ROOT } from '../tree.ts'
import { NotHere } from './finding.ts'
import { toolsDir } from './go-module.ts'
import { lastLine, runCommand } from './run-command.ts'

/** A broker of Apache's own, which keeps what it has when it is killed and started again. */
export interface Broker {
  readonly brokers: string
  /** Ends it as a crash would. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const POM = join(ROOT, 'test/interop/kafka/pom.xml')
const FETCH_MS_MAX = 300_000
const START_MS_MAX = 60_000

/** As the module file of the harness asks for it. */
export function kafkaVersion(): string {
  const [, version = ''] = /kafka_2\.13<\/artifactId>\s*<version>([^<]+)/.exec(pom()) ?? []
  return version
}

function pom(): string {
  return readFileSync(POM, 'utf8')
}

/** The broker's jars, fetched once. @throws NotHere without Java, Maven or its repository */
export async function fetchKafka(): Promise<string> {
  for (const program of ['java', 'mvn']) {
    if (findOnPath(program, process.env) === undefined) throw new NotHere(`no ${program} on PATH`)
  }
  const hash = createHash('sha256').update(pom()).digest('hex').slice(0, 16)
  const folder = join(toolsDir(), `kafka-${hash}`)
  if (existsSync(folder)) return folder
  const draft = `${folder}.${process.pid}`
  const words = [
    '-q',
    '-B',
    '-f',
    POM,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${draft}`,
  ]
  const { code, output } = await runCommand('mvn', words, { timeoutMs: FETCH_MS_MAX })
  if (code !== 0) throw new NotHere(`mvn: ${lastLine(output)}`)
  renameSync(draft, folder)
  return folder
}

/** One broker that is its own controller (KRaft), on free ports of loopback. */
export async function startBroker(jars: string): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-kafka-'))
  const [port, controllerPort] = [await freePort(), await freePort()]
  const properties = join(folder, 'server.properties')
  writeFileSync(properties, propertiesOf({ port, controllerPort, dataDir: join(folder, 'data') }))
  const java = ['-Xmx512m', '-cp', join(jars, '*')]
  const format = ['kafka.tools.StorageTool', 'format', '-c', properties, '-t', clusterId()]
  const formatted = await runCommand('java', [...java, ...format], { timeoutMs: START_MS_MAX })
  if (formatted.code !== 0) throw new Error(`Kafka's storage: ${lastLine(formatted.output)}`)
  let child: ChildProcess | undefined

  async function kill(): Promise<void> {
    const killed = child
    child = undefined
    if (killed === undefined || killed.exitCode !== null || killed.signalCode !== null) return
    const exit = once(killed, 'exit')
    killed.kill('SIGKILL')
    await exit
  }
  async function start(): Promise<void> {
    child = spawn('java', [...java, 'kafka.Kafka', properties], { stdio: 'ignore' })
    await eventually(() => isOpen(port), { what: 'Kafka listens', timeoutMs: START_MS_MAX })
  }
  async function stop(): Promise<void> {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { brokers: `127.0.0.1:${port}`, kill, start, stop }
}

function propertiesOf(at: { port: number; controllerPort: number; dataDir: string }): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${at.controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${at.port},CONTROLLER://127.0.0.1:${at.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${at.port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': at.dataDir,
    'num.partitions': '3',
    // There is one broker only.
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'offsets.topic.num.partitions': '3',
    'group.initial.rebalance.delay.ms': '0',
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Sixteen bytes as base64url, as Kafka writes a UUID. */
function clusterId(): string {
  return Buffer.from('mumega-interop-k').toString('base64url')
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
