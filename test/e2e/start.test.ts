import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { parseVkey } from '@mumega/tlog/note'
import { isAlive } from '@mumega/local/processes'
import { eventually } from '@mumega/testkit'
import { ask, givenRun, type StartedRun } from './given-run.ts'

const root = mkdtempSync(join(tmpdir(), 'start-'))
const runs: StartedRun[] = []
const TEST_MS_MAX = 120_000

afterAll(async () => {
  for (const run of runs) await run.clear()
  rmSync(root, { recursive: true, force: true })
}, TEST_MS_MAX)

function givenDataDir(): string {
  return mkdtempSync(join(root, 'data-'))
}

function start(dataDir: string, env: Record<string, string> = {}): StartedRun {
  const run = givenRun(dataDir, env)
  runs.push(run)
  return run
}

async function tenantsOf(url: string, token: string): Promise<unknown> {
  const { body } = await ask(`${url}/v1/tenants`, { token })
  return (body['tenants'] as { tenantId: string }[]).map(({ tenantId }) => tenantId)
}

async function createTenant(url: string, token: string, tenantId: string): Promise<number> {
  const body = { tenantId, name: tenantId }
  return (await ask(`${url}/v1/tenants`, { token, method: 'POST', body })).status
}

async function becomesReady(url: string): Promise<void> {
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, {
    what: 'everything to be ready',
  })
}

describe('one run', () => {
  const dataDir = givenDataDir()
  let run: StartedRun
  let url: string
  let token: string

  beforeAll(async () => {
    run = start(dataDir)
    url = await run.url()
    token = run.token() ?? ''
  }, TEST_MS_MAX)

  test('tells others where it is and keeps its secrets to itself', () => {
    const told = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as object

    expect(told).toMatchObject({ gatewayUrl: url, pid: run.pid, tracesUrl: expect.any(String) })
    for (const name of ['secrets.json', 'ledger.key']) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
    }
    const vkey = readFileSync(join(dataDir, 'log.vkey'), 'utf8')
    expect(parseVkey(vkey.trim()).name).toBe('localhost/mumega')
  })

  test('does not share its data folder: the second is refused in one line that names the first', async () => {
    const second = start(dataDir)

    expect((await second.ended()).code).toBe(1)
    const complaint = second.output().trim()
    expect(complaint.split('\n')).toHaveLength(1)
    expect(complaint).toContain(`in use by another run, process ${run.pid}`)
    expect(complaint).toContain('MUMEGA_DATA_DIR')
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  test.each(SERVICES)(
    'starts a %s that crashed again',
    async (service) => {
      const crashed = run.pidOf(service)

      process.kill(crashed, 'SIGKILL')

      await eventually(async () => run.output().includes(`${service} runs again`), {
        what: `${service} to run again`,
      })
      expect(run.pidOf(service)).not.toBe(crashed)
      await becomesReady(url)
      expect(await createTenant(url, token, `after-${service}`)).toBe(201)
    },
    TEST_MS_MAX,
  )

  test.each([
    ['PostgreSQL', 'postgres/postmaster.pid'],
    ['NATS', 'nats/nats.pid'],
  ])(
    'starts a %s that crashed again in its place, and the services go on with it',
    async (server, pidFile) => {
      const pid = Number(readFileSync(join(dataDir, pidFile), 'utf8').split('\n')[0])

      process.kill(pid, 'SIGKILL')

      await eventually(async () => run.output().includes(`${server} runs again`), {
        what: `${server} to run again`,
      })
      const tenantId = `after-${server.toLowerCase()}`
      await eventually(async () => (await createTenant(url, token, tenantId)) === 201, {
        what: 'a tenant to be created',
      })
      await becomesReady(url)
    },
    TEST_MS_MAX,
  )

  test(
    'ends at once on a second Ctrl-C',
    async () => {
      const gateway = run.pidOf('gateway')
      // It cannot answer SIGTERM now, so that the proper way would take its seconds.
      process.kill(gateway, 'SIGSTOP')

      // What comes within the first second counts as the same key stroke.
      await eventually(
        async () => {
          run.signal('SIGINT')
          return !isAlive(run.pid)
        },
        { what: 'the end' },
      )

      expect((await run.ended()).code).toBe(130)
      await eventually(async () => !isAlive(gateway), { what: 'the gateway to be gone' })
    },
    TEST_MS_MAX,
  )
})

describe('runs on one data folder, one after the other', () => {
  const dataDir = givenDataDir()
  let token: string
  let run: StartedRun

  beforeAll(async () => {
    run = start(dataDir)
    const url = await run.url()
    token = run.token() ?? ''
    expect(await createTenant(url, token, 'acme')).toBe(201)
  }, TEST_MS_MAX)

  test('Ctrl-C stops everything within ten seconds and leaves nothing behind', async () => {
    const services = SERVICES.map((name) => run.pidOf(name))
    expect(services.every((pid) => isAlive(pid))).toBe(true)
    const signalledAt = Date.now()

    run.signal('SIGINT')

    expect((await run.ended()).code).toBe(0)
    expect(Date.now() - signalledAt).toBeLessThan(10_000)
    expect(services.filter((pid) => isAlive(pid))).toEqual([])
    for (const name of ['run.json', 'run.lock', 'postgres/postmaster.pid']) {
      expect(existsSync(join(dataDir, name))).toBe(false)
    }
  })

  test(
    'the next start has the data, takes the old token and shows no other',
    async () => {
      const vkey = readFileSync(join(dataDir, 'log.vkey'), 'utf8')

      run = start(dataDir)

      expect(await tenantsOf(await run.url(), token)).toEqual(['acme'])
      expect(run.token()).toBeUndefined()
      expect(readFileSync(join(dataDir, 'log.vkey'), 'utf8')).toBe(vkey)
    },
    TEST_MS_MAX,
  )

  test(
    'after the supervisor was killed its services stop by themselves, and the next start has the data',
    async () => {
      const bridge = run.pidOf('bridge')
      const others = ['gateway', 'audit-ledger'].map((name) => run.pidOf(name))
      // It notices nothing any more: the next start has to end it.
      process.kill(bridge, 'SIGSTOP')

      run.signal('SIGKILL')

      await eventually(async () => others.every((pid) => !isAlive(pid)), {
        what: 'the services to stop',
      })
      run = start(dataDir)
      expect(await tenantsOf(await run.url(), token)).toEqual(['acme'])
      expect(isAlive(bridge)).toBe(false)
    },
    TEST_MS_MAX,
  )

  test('services that do not stop hold up the end for less than ten seconds, and PostgreSQL still ends properly', async () => {
    for (const name of SERVICES) process.kill(run.pidOf(name), 'SIGSTOP')
    const signalledAt = Date.now()

    run.signal('SIGTERM')
    await run.ended()

    expect(Date.now() - signalledAt).toBeLessThan(10_000)
    // It removes this file only when it ends by itself.
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false)
  })
})

test(
  'a port in use is refused in one line with the remedy, before anything is started',
  async () => {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    const { port } = squatter.address() as AddressInfo
    const dataDir = givenDataDir()

    const run = start(dataDir, { MUMEGA_PORT: String(port) })

    expect((await run.ended()).code).toBe(1)
    const lines = run.output().trim().split('\n')
    expect(lines.at(-1)).toContain(`Port ${port} on 127.0.0.1 is in use`)
    expect(lines.at(-1)).toContain('MUMEGA_PORT=')
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
    squatter.close()
  },
  TEST_MS_MAX,
)

test(
  'a PostgreSQL that does not answer is said in one line without its password',
  async () => {
    const databaseUrl = 'postgres://admin:hidden@127.0.0.1:1/postgres'

    const run = start(givenDataDir(), { DATABASE_URL: databaseUrl })

    expect((await run.ended()).code).toBe(1)
    expect(run.output().trim().split('\n').at(-1)).toContain('PostgreSQL at 127.0.0.1:1 does not')
    expect(run.output()).not.toContain('hidden')
  },
  TEST_MS_MAX,
)

test(
  'a service that cannot start is said with its last words, and nothing is left running',
  async () => {
    const dataDir = givenDataDir()

    const run = start(dataDir, { BRIDGE_INBOX_UNREAD_MAX: 'many' })

    expect((await run.ended()).code).toBe(1)
    expect(run.output()).toMatch(/bridge did not start. Its last words:[^]*BRIDGE_INBOX_UNREAD_MAX/)
    expect(run.output()).toContain('PostgreSQL stopped')
    for (const name of ['run.lock', 'services.json', 'postgres/postmaster.pid']) {
      expect(existsSync(join(dataDir, name))).toBe(false)
    }
  },
  TEST_MS_MAX,
)

test.each([
  ['MUMEGA_PORT', 'eighty'],
  ['DATABASE_URL', 'mysql://localhost/x'],
  ['MUMEGA_NATS_ADMIN_SEED', 'SUAIJ4FJ5QGTFGX'],
])(
  'a wrong %s is refused in one line that names it',
  async (name, value) => {
    const run = start(givenDataDir(), { [name]: value })

    expect((await run.ended()).code).toBe(1)
    expect(run.output().trim().split('\n')).toHaveLength(1)
    expect(run.output()).toContain(name)
    expect(run.output()).not.toContain(value)
  },
  TEST_MS_MAX,
)
