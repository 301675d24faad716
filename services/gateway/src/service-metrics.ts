import { Counter, Gauge, Registry } from 'prom-client'
import { findFigure, type Figure } from '@mumega/contracts/figures'
import { healthOf, type ServiceHealth } from '@mumega/contracts/health'
import { SERVICES } from '@mumega/contracts/topology'
import { isAppError } from '@mumega/errors'
import type { Gateway } from './app.ts'
import { GATEWAY_CONTEXT } from './session.ts'

/** A service, and what it said of itself; nothing where it did not answer. */
export interface Asked {
  readonly service: string
  readonly health: ServiceHealth | undefined
}

// Beyond it, and for a longer value, the others are told as one: labels are a scraper's memory.
const LABEL_VALUES_MAX = 200
const LABEL_CHARACTERS_MAX = 255
const OTHERS = 'other'

/** Asks every service at once how it is, each within its contract's 2 s, and tells it. */
export async function gatherServices(gateway: Gateway): Promise<Registry> {
  const asked = SERVICES.map(async (service) => ({ service, health: await ask(gateway, service) }))
  return tellServices(await Promise.all(asked))
}

async function ask({ bus, health }: Gateway, service: string): Promise<Asked['health']> {
  // Of itself it knows without the bus, and the bus might ask another gateway.
  if (service === 'gateway') return health()
  try {
    return await bus.request(healthOf(service), {}, { context: GATEWAY_CONTEXT })
  } catch (error) {
    // Down, whichever way it did not answer; why is at /readyz.
    if (isAppError(error)) return undefined
    throw error
  }
}

/** How services are, as metrics. What is not known is absent: a zero would be a figure. */
export function tellServices(asked: readonly Asked[]): Registry {
  const registry = new Registry()
  const registers = [registry]
  const up = new Gauge({
    name: 'mumega_service_up',
    help: 'Whether a process of the service said how it is.',
    labelNames: ['service'],
    registers,
  })
  const healthy = new Gauge({
    name: 'mumega_service_healthy',
    help: 'Whether the service says that it is ok.',
    labelNames: ['service'],
    registers,
  })
  const unread = new Gauge({
    name: 'mumega_service_figures_unread',
    help: 'Figures that this gateway does not know, as of a newer service: they are left out.',
    labelNames: ['service'],
    registers,
  })
  const tellDependencies = dependencyMetrics(registry)
  for (const { service, health } of asked) {
    up.set({ service }, health === undefined ? 0 : 1)
    if (health === undefined) continue
    healthy.set({ service }, health.status === 'ok' ? 1 : 0)
    tellDependencies(service, health)
    unread.set({ service }, tellFigures(registry, service, health))
  }
  return registry
}

function dependencyMetrics(registry: Registry): (service: string, health: ServiceHealth) => void {
  const labelNames = ['service', 'dependency'] as const
  const registers = [registry]
  const up = new Gauge({
    name: 'mumega_dependency_up',
    help: 'Whether what the service depends on is ok; what is unknown is not.',
    labelNames,
    registers,
  })
  const latency = new Gauge({
    name: 'mumega_dependency_latency_seconds',
    help: 'How long the dependency took to answer, where it was asked.',
    labelNames,
    registers,
  })
  return (service, { dependencies }) => {
    for (const { name: dependency, status, latencyMs } of dependencies) {
      up.set({ service, dependency }, status === 'ok' ? 1 : 0)
      // What a service knows of itself is told without asking, in no time.
      if (latencyMs > 0) latency.set({ service, dependency }, latencyMs / 1_000)
    }
  }
}

/** The values of one figure, by those of its label, or one without. */
interface Told {
  readonly figure: Figure
  readonly values: Map<string | undefined, number>
}

/** Tells the figures that are known, and returns how many are not. */
function tellFigures(registry: Registry, service: string, health: ServiceHealth): number {
  const figures = new Map<string, Told>()
  let unread = 0
  for (const [name, value] of Object.entries(health.figures)) {
    const found = findFigure(service, name)
    // A counter cannot be negative.
    if (found === undefined || (found.figure.kind === 'counter' && value < 0)) {
      unread += 1
      continue
    }
    const told: Told = figures.get(found.name) ?? { figure: found.figure, values: new Map() }
    figures.set(found.name, told)
    const key = boundedIn(told.values, found.labelValue)
    told.values.set(key, (told.values.get(key) ?? 0) + value)
  }
  const process = health.process === undefined ? {} : { process: health.process }
  for (const [name, told] of figures) tellFigure(registry, { ...told, service, name, process })
  return unread
}

function boundedIn(
  values: ReadonlyMap<string | undefined, number>,
  label: string | undefined,
): string | undefined {
  if (label === undefined || values.has(label)) return label
  return values.size < LABEL_VALUES_MAX && label.length <= LABEL_CHARACTERS_MAX ? label : OTHERS
}

function tellFigure(
  registry: Registry,
  { service, name, figure, values, process }: Told & Place,
): void {
  const labelNames = [...(figure.label === undefined ? [] : [figure.label]), 'process']
  const metric = {
    name: metricNameOf(service, name, figure),
    help: figure.help,
    labelNames,
    registers: [registry],
  }
  const of = figure.kind === 'counter' ? new Counter(metric) : new Gauge(metric)
  for (const [labelValue, value] of values) {
    const labels = labelValue === undefined ? {} : { [figure.label ?? '']: labelValue }
    of.inc({ ...labels, ...process }, name.endsWith('Ms') ? value / 1_000 : value)
  }
}

interface Place {
  readonly service: string
  readonly name: string
  readonly process: { process?: string }
}

/** As Prometheus' "Metric and label naming" has it: base units, and `_total` where it counts. */
export function metricNameOf(service: string, name: string, { kind, unit }: Figure): string {
  const inSeconds = name.endsWith('Ms') ? `${name.slice(0, -'Ms'.length)}Seconds` : name
  const words = [
    'mumega',
    service.replaceAll('-', '_'),
    inSeconds.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    ...(unit === undefined ? [] : [unit]),
    ...(kind === 'counter' ? ['total'] : []),
  ]
  return words.join('_')
}
