import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { initSchema, loadInstallation } from '@mumega/local/init-config'
import { NATS_PORT } from '@mumega/local/installation'
import type { TObject } from 'typebox'
import { parseCompose, parseDockerfile, type Container } from './compose-file.ts'
import { listFiles, ROOT } from './tree.ts'

// No Docker engine is needed here: the file is held against what the programs say of themselves.
const compose = parseCompose('docker-compose.yml')
const dockerfile = parseDockerfile('Dockerfile')
const containers = Object.entries(compose.services)
const ours = containers.filter(([, { image }]) => image === 'mumega')
const files = listFiles()
const secretsDir = mkdtempSync(join(tmpdir(), 'mumega-compose-'))

// The very program that the first container runs.
beforeAll(() => {
  const program = join(ROOT, container('secrets').command[1] ?? '')
  const env = { ...environmentOf('secrets'), MUMEGA_SECRETS_DIR: secretsDir }
  execFileSync(process.execPath, [program, 'secrets'], { env })
})
afterAll(() => rmSync(secretsDir, { recursive: true, force: true }))

function container(name: string): Container {
  const found = compose.services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no ${name}`)
  return found
}

function environmentOf(name: string): Record<string, string> {
  return container(name).environment
}

/** What a service's container gets to see: its file of secrets, then the variables beside it. */
function wholeEnvironment(service: string): Record<string, string> {
  const lines = readFileSync(join(secretsDir, service, 'service.env'), 'utf8')
    .trim()
    .split('\n')
  const secret = lines.map((line): [string, string] => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })
  return { ...Object.fromEntries(secret), ...environmentOf(service) }
}

interface ServiceConfig {
  configSchema: TObject
  loadConfig: (environment: Record<string, string>) => Record<string, unknown>
}

async function configOf(service: string): Promise<ServiceConfig> {
  const url = pathToFileURL(join(ROOT, 'services', service, 'dist/src/config.js'))
  return (await import(url.href)) as ServiceConfig
}

// `/app/services/bridge` with `dist/main.mjs` is made from `services/bridge/src/main.ts`, as is
// what has not been bundled, `dist/src/…`.
function sourceOf({ working_dir = '/app', command }: Container): string | undefined {
  const program = command.find((word) => /\.m?js$/.test(word))
  if (program === undefined) return undefined
  const path = join(working_dir, program).replace(/^\/app\//, '')
  return path.replace(/\/dist\/(src\/)?/, '/src/').replace(/\.m?js$/, '.ts')
}

const CONDITIONS = new Set(['service_healthy', 'service_completed_successfully'])

const mountsOf = ({ volumes }: Container) =>
  volumes.map((volume) => {
    const [name = '', target = '', mode = 'rw'] = volume.split(':')
    return { name, target, mode }
  })

describe('docker-compose.yml', () => {
  test('it runs every service once, and only services that exist', () => {
    const running = ours.map(([name]) => name).filter((name) => SERVICES.includes(name))

    expect(running.sort()).toEqual([...SERVICES].sort())
  })

  test('every program that a container runs is in the tree', () => {
    const programs = ours.map(([name, one]) => [name, sourceOf(one)])

    expect(programs.filter(([, source]) => !files.includes(source ?? ''))).toEqual([])
  })

  test.each(SERVICES)(
    '%s gets every setting that it needs, and each one is right',
    async (service) => {
      const { loadConfig } = await configOf(service)

      expect(() => loadConfig(wholeEnvironment(service))).not.toThrow()
    },
  )

  test.each(SERVICES)('%s gets no setting that it does not know', async (service) => {
    const { configSchema } = await configOf(service)
    // The telemetry package reads the name under which traces are sent.
    const known = new Set([...Object.keys(configSchema.properties), 'OTEL_SERVICE_NAME'])

    expect(Object.keys(wholeEnvironment(service)).filter((name) => !known.has(name))).toEqual([])
    expect(environmentOf(service)['OTEL_SERVICE_NAME']).toBe(service)
  })

  test('the one-shot programs get their settings, and no other', () => {
    for (const name of ['secrets', 'provision']) {
      expect(Object.keys(environmentOf(name)).sort()).toEqual(
        Object.keys(initSchema.properties).sort(),
      )
    }
    expect(container('secrets').command.at(-1)).toBe('secrets')
    expect(container('provision').command.at(-1)).toBe('provision')
  })

  test('every host that a setting names is a container', () => {
    const named = SERVICES.flatMap((service) => Object.values(wholeEnvironment(service)))
      .flatMap((value) => value.split(','))
      .filter((value) => /^[a-z]+:\/\//.test(value))
      .map((value) => new URL(value).hostname)

    expect(named.length).toBeGreaterThan(SERVICES.length)
    expect(named.filter((host) => !(host in compose.services))).toEqual([])
  })

  test('every container waits only for containers that can be waited for in that way', () => {
    const wrong = containers.flatMap(([name, { depends_on }]) =>
      Object.entries(depends_on).filter(([other, { condition }]) => {
        const target = compose.services[other]
        if (target === undefined || other === name || !CONDITIONS.has(condition)) return true
        if (condition === 'service_healthy') return target.healthcheck === undefined
        // What ends must not be started again when it has ended well.
        return (
          condition === 'service_completed_successfully' &&
          !['no', 'on-failure', undefined].includes(target.restart)
        )
      }),
    )

    expect(wrong).toEqual([])
  })

  test('every volume is declared, and every declared one is used', () => {
    const used = containers.flatMap(([, one]) => mountsOf(one)).map(({ name }) => name)

    expect([...new Set(used)].sort()).toEqual(Object.keys(compose.volumes).sort())
  })

  test('each service gets its own secrets and nobody else’s, read-only', () => {
    for (const [name, one] of ours) {
      const secrets = mountsOf(one).filter((mount) => mount.name.startsWith('secrets-'))
      if (name === 'secrets' || name === 'provision') continue
      const owner = name === 'operator' ? 'gateway' : name.replace(/-standby$/, '')
      expect(secrets).toEqual([{ name: `secrets-${owner}`, target: '/run/mumega', mode: 'ro' }])
    }
  })

  test('the image makes every folder that the first container writes to, for its own user', () => {
    const { text, user } = dockerfile
    const written = [...mountsOf(container('secrets')), ...mountsOf(container('audit-ledger'))]
      .filter(({ mode }) => mode === 'rw')
      .map(({ target }) => target)
    const made = [
      ...(/for name in ([a-z -]+);/.exec(text)?.[1] ?? '')
        .split(' ')
        .map((name) => `/secrets/${name}`),
      ...(/mkdir -p (\/var\/\S+)/.exec(text)?.slice(1) ?? []),
    ]

    expect(written.filter((folder) => !made.includes(folder))).toEqual([])
    expect(user).toBe('node')
    expect(text).toContain('chown -R node:node /secrets /var/lib/mumega')
  })

  test('each NATS server reads a configuration that is written, with a name of its own', () => {
    const hosts = loadInstallation(environmentOf('secrets')).natsHosts

    expect(hosts).toHaveLength(3)
    for (const host of hosts) {
      const { command } = container(host)
      const config = command[command.indexOf('--config') + 1] ?? ''
      const mounts = mountsOf(container(host))
      expect(mounts).toContainEqual({ name: 'secrets-nats', target: '/etc/mumega', mode: 'ro' })
      expect(config).toBe(`/etc/mumega/${host}.conf`)
      const written = JSON.parse(
        readFileSync(join(secretsDir, 'nats', `${host}.conf`), 'utf8'),
      ) as {
        server_name: string
        listen: string
        jetstream: { store_dir: string }
        cluster: { routes: string[] }
      }
      expect(written.server_name).toBe(host)
      expect(written.listen).toBe(`0.0.0.0:${NATS_PORT}`)
      expect(mounts).toContainEqual({ name: host, target: written.jetstream.store_dir, mode: 'rw' })
      expect(written.cluster.routes.map((route) => new URL(route).hostname).sort()).toEqual(
        hosts.filter((other) => other !== host),
      )
    }
  })

  test('PostgreSQL gets the password that the services were given', () => {
    const { environment } = container('postgres')
    const address = environmentOf('provision')['MUMEGA_POSTGRES_ADDRESS'] ?? ''
    const password = readFileSync(join(secretsDir, 'postgres', 'password'), 'utf8')

    expect(address).toBe(`postgres:5432/${environment['POSTGRES_DB'] ?? ''}`)
    expect(environment['POSTGRES_PASSWORD_FILE']).toBe('/run/mumega/password')
    expect(password).toMatch(/^[\w-]{20,}$/)
  })

  test('every port that is open to the machine is the one that is listened on, on loopback', () => {
    const open = containers.flatMap(([name, { ports }]) => ports.map((port) => `${name} ${port}`))
    const port = environmentOf('gateway')['MUMEGA_PORT'] ?? ''

    expect(open.sort()).toEqual([
      `gateway 127.0.0.1:${port}:${port}`,
      'jaeger 127.0.0.1:16686:16686',
    ])
    expect(container('gateway').healthcheck?.test.join(' ')).toContain(`localhost:${port}/readyz`)
    expect(dockerfile.exposed).toEqual([port])
  })
})

describe('Dockerfile', () => {
  test('everything that it copies is in the tree, and let in by .dockerignore', () => {
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')
    const lost = dockerfile.copied.filter(
      (source) =>
        !files.some((file) => file === source || file.startsWith(`${source}/`)) ||
        !ignored.includes(`!${source}`),
    )

    expect(dockerfile.copied.length).toBeGreaterThan(0)
    expect(lost).toEqual([])
  })

  test('it builds every program that a container runs', () => {
    const built = /tsc -b ([^\n]+)/.exec(dockerfile.text)?.[1]?.split(' ') ?? []
    const needed = ours.map(([, one]) => (sourceOf(one) ?? '').split('/').slice(0, 2).join('/'))

    expect([...new Set(needed)].filter((folder) => !built.includes(folder))).toEqual([])
    expect(built).toContain('packages/telemetry')
    expect(dockerfile.stages).toEqual(['build'])
  })

  test('it uses the package manager that wrote the lockfile', () => {
    const manifest = readFileSync(join(ROOT, 'scripts/install.mjs'), 'utf8')
    const versions = [...dockerfile.text.matchAll(/pnpm@([\d.]+)/g)].map(([, version]) => version)

    expect(new Set(versions).size).toBe(1)
    expect(manifest).toContain(`${versions[0] ?? ''}`)
  })
})
