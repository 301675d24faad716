import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVICES } from '@mumega/contracts/topology'
import { freePort } from '@mumega/local/ports'
import { eventually, startTestSuite } from '@mumega/testkit'
import type { Finding } from './finding.ts'
import { buildGo, requiredVersion } from './go-module.ts'
import { sendOneMessage } from './journey.ts'

const MODULE = 'github.com/jaegertracing/jaeger'
const CHECKED = 'one message through HTTP is one trace with gateway, bridge and audit-ledger in it'

interface JaegerTrace {
  data: { processes: Record<string, { serviceName: string }>; spans: unknown[] }[] | null
}

/** Jaeger, built from its own module, gets the suite's traces and is asked for one of them. */
export async function judgeTraces(): Promise<Finding[]> {
  const program = await buildGo('jaeger', `${MODULE}/cmd/jaeger`)
  const version = requiredVersion('jaeger', MODULE)
  const jaeger = await startJaeger(program)
  try {
    const reason = await findTrace(jaeger)
    return [{ tool: 'Jaeger', version, checked: CHECKED, result: 'passed', reason }]
  } finally {
    await jaeger.stop()
  }
}

interface Jaeger {
  otlpUrl: string
  queryUrl: string
  stop(): Promise<void>
}

async function startJaeger(program: string): Promise<Jaeger> {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-jaeger-'))
  const [otlp, query, queryGrpc] = [await freePort(), await freePort(), await freePort()]
  const config = join(folder, 'jaeger.json')
  writeFileSync(config, JSON.stringify(configOf({ otlp, query, queryGrpc })))
  const child = spawn(program, ['--config', config], { stdio: 'ignore' })
  const queryUrl = `http://127.0.0.1:${query}`
  const stop = async () => {
    await ended(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await eventually(() => isUp(queryUrl), { what: 'Jaeger answers' })
  } catch (error) {
    await stop()
    throw error
  }
  return { otlpUrl: `http://127.0.0.1:${otlp}`, queryUrl, stop }
}

// The YAML that Jaeger reads may be JSON. Everything in memory, and on free ports of loopback only.
function configOf(ports: { otlp: number; query: number; queryGrpc: number }) {
  const at = (port: number) => ({ endpoint: `127.0.0.1:${port}` })
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
      jaeger_query: {
        storage: { traces: 'memory' },
        http: at(ports.query),
        grpc: at(ports.queryGrpc),
      },
    },
    receivers: { otlp: { protocols: { http: at(ports.otlp) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  }
}

async function isUp(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/services`).catch(() => undefined)
  return answer?.ok ?? false
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  // It keeps nothing that would have to be written.
  child.kill('SIGKILL')
  await exit
}

/** Those that a message passes. */
const ON_THE_WAY = ['gateway', 'bridge', 'audit-ledger']

async function findTrace(jaeger: Jaeger): Promise<string> {
  const env = Object.fromEntries(
    SERVICES.map((service) => [service, { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpUrl }]),
  )
  const suite = await startTestSuite({ services: SERVICES, env })
  try {
    const { traceId } = await sendOneMessage(suite)
    let found: string[] = []
    const spans = await eventually(
      async () => {
        const [trace] = (await readTrace(jaeger.queryUrl, traceId)).data ?? []
        found = Object.values(trace?.processes ?? {}).map(({ serviceName }) => serviceName)
        return ON_THE_WAY.every((service) => found.includes(service)) && trace?.spans.length
      },
      { what: `trace ${traceId} holds every service on its way` },
    ).catch((error: unknown) => {
      throw new Error(`trace ${traceId} holds ${found.join(', ') || 'nothing'}`, { cause: error })
    })
    return `${spans} spans of ${[...new Set(found)].sort().join(', ')}`
  } finally {
    await suite.stop()
  }
}

async function readTrace(url: string, traceId: string): Promise<JaegerTrace> {
  const answer = await fetch(`${url}/api/traces/${traceId}`)
  // Jaeger says 404 until it has the first span of a trace.
  if (answer.status === 404) return { data: null }
  return (await answer.json()) as JaegerTrace
}
