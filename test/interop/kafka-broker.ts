import { createHash, randomUUID } from 'node:crypto'
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
  readonly secured: SecuredDoor
  /** Ends it as a crash would. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

/** Where the same broker asks for TLS and for a password. */
export interface SecuredDoor {
  readonly brokers: string
  /** The certificate that it shows, in PEM. */
  readonly caFile: string
  readonly username: string
  /** Of its only user; nobody knows the one that it starts with. */
  setPassword(mechanism: Mechanism, password: string): Promise<void>
}

export const MECHANISMS = ['scram-sha-256', 'scram-sha-512'] as const
export type Mechanism = (typeof MECHANISMS)[number]

const USERNAME = 'mumega'
const STORE_FILE = 'key.p12'
// The key lives as long as the broker.
const STORE_PASSWORD = 'changeit'
const CA_FILE = 'ca.pem'
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
  for (const program of ['java', 'keytool', 'mvn']) {
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
  const [port, controllerPort, securedPort] = [await freePort(), await freePort(), await freePort()]
  const properties = join(folder, 'server.properties')
  writeFileSync(properties, propertiesOf({ port, controllerPort, securedPort, folder }))
  const java = ['-Xmx512m', '-cp', join(jars, '*')]
  const format = ['kafka.tools.StorageTool', 'format', '-c', properties, '-t', clusterId()]
  const users = MECHANISMS.flatMap((mechanism) => ['-S', credentialsOf(mechanism)])
  await givenCertificate(folder)
  await run('java', [...java, ...format, ...users])
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
  const brokers = `127.0.0.1:${port}`
  const configs = [...java, 'kafka.admin.ConfigCommand', '--bootstrap-server', brokers]
  const secured: SecuredDoor = {
    brokers: `127.0.0.1:${securedPort}`,
    caFile: join(folder, CA_FILE),
    username: USERNAME,
    async setPassword(mechanism, password) {
      const user = ['--entity-type', 'users', '--entity-name', USERNAME]
      const credentials = `${mechanism.toUpperCase()}=[password=${password}]`
      await run('java', [...configs, ...user, '--alter', '--add-config', credentials])
    },
  }
  return { brokers, secured, kill, start, stop }
}

/** A key for the secured door, with a certificate that nobody signed but itself. */
async function givenCertificate(folder: string): Promise<void> {
  const store = ['-keystore', join(folder, STORE_FILE), '-storepass', STORE_PASSWORD]
  const names = ['-dname', 'CN=kafka', '-ext', 'san=ip:127.0.0.1']
  const kind = ['-storetype', 'PKCS12', '-keyalg', 'RSA', '-keysize', '2048', '-validity', '2']
  await run('keytool', ['-genkeypair', '-alias', 'kafka', ...store, ...names, ...kind])
  const file = ['-rfc', '-file', join(folder, CA_FILE)]
  await run('keytool', ['-exportcert', '-alias', 'kafka', ...store, ...file])
}

async function run(program: string, words: readonly string[]): Promise<void> {
  const { code, output } = await runCommand(program, words, { timeoutMs: START_MS_MAX })
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${lastLine(output)}`)
}

/** A password for the beginning, which nobody gets to know. */
function credentialsOf(mechanism: Mechanism): string {
  return `${mechanism.toUpperCase()}=[name=${USERNAME},password=${randomUUID()}]`
}

interface Places {
  port: number
  controllerPort: number
  securedPort: number
  folder: string
}

function propertiesOf({ port, controllerPort, securedPort, folder }: Places): string {
  const doors = [`PLAINTEXT://127.0.0.1:${port}`, `SASL_SSL://127.0.0.1:${securedPort}`]
  const logins = MECHANISMS.map((mechanism) => [
    `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config`,
    'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  ])
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: [...doors, `CONTROLLER://127.0.0.1:${controllerPort}`].join(','),
    'advertised.listeners': doors.join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': join(folder, STORE_FILE),
    'ssl.keystore.password': STORE_PASSWORD,
    'sasl.enabled.mechanisms': MECHANISMS.map((mechanism) => mechanism.toUpperCase()).join(','),
    ...(Object.fromEntries(logins) as Record<string, string>),
    'log.dirs': join(folder, 'data'),
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
