import { stripVTControlCharacters } from 'node:util'
import { isAppError } from '@mumega/errors'
import type { Environment } from './config.ts'
import { findNatsHere } from './nats-binary.ts'
import { WAYS } from './nats-fetch.ts'
import { findOnPath } from './nats-version.ts'
import { findPostgres } from './postgres-program.ts'
import { runCommand } from './processes.ts'

/** What this machine offers of one thing. */
export interface Offer {
  name: string
  isPresent: boolean
  /** Which version or where, or why it is absent. */
  detail: string
  /** What is done without it. */
  without: string
}

interface Tool {
  name: string
  /** Names of its program, the first that is found counts. */
  programs: readonly string[]
  versionWords: readonly string[]
  without: string
}

const PROBE_MS_MAX = 20_000

const TOOLS: readonly Tool[] = [
  {
    name: 'Docker engine',
    programs: ['docker'],
    versionWords: ['version', '--format', '{{.Server.Version}}'],
    without:
      'docker compose is not run, only its file is checked; no test has Kafka in a container',
  },
  {
    name: 'Go',
    programs: ['go'],
    versionWords: ['version'],
    without: 'interop skips the judges that are written in Go',
  },
  {
    name: 'Java',
    programs: ['java'],
    versionWords: ['-version'],
    without: 'checks that need Java are skipped',
  },
  {
    name: 'Maven',
    programs: ['mvn'],
    versionWords: ['--version'],
    without: 'checks that need Maven are skipped',
  },
  {
    name: 'Python',
    programs: ['python3', 'python'],
    versionWords: ['--version'],
    without: 'one way less to fetch nats-server',
  },
  {
    name: 'Chromium',
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    versionWords: ['--version'],
    without: 'checks in a browser are skipped',
  },
  {
    name: 'OpenSSL',
    programs: ['openssl'],
    versionWords: ['version'],
    without: 'checks that need OpenSSL are skipped',
  },
  {
    name: 'kcat',
    programs: ['kcat'],
    versionWords: ['-V'],
    without: 'checks that need kcat are skipped',
  },
  {
    name: 'strace',
    programs: ['strace'],
    versionWords: ['--version'],
    without: 'checks that watch system calls are skipped',
  },
]

/** What this machine has of everything that Mumega, its tests and its benches can use. */
export async function listOffers(environment: Environment): Promise<Offer[]> {
  const found = await Promise.all([
    postgresOffer(environment),
    natsOffer(environment),
    pnpmOffer(environment),
    ...TOOLS.map((tool) => toolOffer(tool, environment)),
  ])
  const node = { name: 'Node', isPresent: true, detail: process.version, without: '' }
  return [node, ...found]
}

async function postgresOffer(environment: Environment): Promise<Offer> {
  const without = 'npm start and npm test need one: set DATABASE_URL'
  if ((environment['DATABASE_URL'] ?? '') !== '') {
    return { name: 'PostgreSQL', isPresent: true, detail: 'the one of DATABASE_URL', without }
  }
  try {
    const { postgres, ids } = await findPostgres()
    const version = await runCommand(postgres, ['--version'], { timeoutMs: PROBE_MS_MAX })
    const as = ids === undefined ? '' : `, run as user ${ids.uid} in the place of root`
    const detail = `embedded, ${version.stdout.trim()}${as}`
    return { name: 'PostgreSQL', isPresent: true, detail, without }
  } catch (error) {
    const detail = isAppError(error) ? error.message : String(error)
    return { name: 'PostgreSQL', isPresent: false, detail, without }
  }
}

async function natsOffer(environment: Environment): Promise<Offer> {
  const name = 'NATS'
  const without = 'npm start and npm test need one: set NATS_URL or install nats-server'
  if ((environment['NATS_URL'] ?? '') !== '') {
    return { name, isPresent: true, detail: 'the one of NATS_URL', without }
  }
  const here = await findNatsHere(environment)
  if (here !== undefined) {
    return { name, isPresent: true, detail: `${here.version} (${here.origin})`, without }
  }
  for (const way of WAYS) {
    if ((await way.obstacle(environment)) === undefined) {
      return { name, isPresent: true, detail: `will be fetched: ${way.name}`, without }
    }
  }
  return { name, isPresent: false, detail: 'not here, and no way to fetch it', without }
}

async function pnpmOffer(environment: Environment): Promise<Offer> {
  const program = findOnPath('npx', environment)
  const detail = program === undefined ? 'no npx on PATH' : 'through npx, in the pinned version'
  const without = 'packages cannot be installed'
  return { name: 'pnpm', isPresent: program !== undefined, detail, without }
}

async function toolOffer(tool: Tool, environment: Environment): Promise<Offer> {
  const { name, without } = tool
  const program = tool.programs.find((each) => findOnPath(each, environment) !== undefined)
  if (program === undefined) return { name, isPresent: false, detail: 'not on PATH', without }
  const ended = await runCommand(program, tool.versionWords, { timeoutMs: PROBE_MS_MAX })
  const words = `${ended.stdout.trim()}\n${ended.stderr.trim()}`.trim().split('\n')[0] ?? ''
  const detail = stripVTControlCharacters(words).slice(0, 100)
  return { name, isPresent: ended.code === 0, detail, without }
}
