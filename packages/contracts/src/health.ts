import { Type, type Static } from 'typebox'
import { defineRequest } from './define.ts'
import { ServiceName, mapOf } from './scalars.ts'

/** `unknown` is what could not be read: never counted as healthy. */
export const HealthStatus = Type.Union([
  Type.Literal('ok'),
  Type.Literal('failing'),
  Type.Literal('unknown'),
])
export type HealthStatus = Static<typeof HealthStatus>

export const DependencyHealth = Type.Object({
  name: Type.String({ maxLength: 63 }),
  status: HealthStatus,
  /** Why it is not ok, in words an operator can act on. */
  reason: Type.Optional(Type.String({ maxLength: 500 })),
  latencyMs: Type.Number({ minimum: 0 }),
})
export type DependencyHealth = Static<typeof DependencyHealth>

export const ServiceHealth = Type.Object({
  service: ServiceName,
  version: Type.String(),
  /**
   * Which of the service's processes tells this, `<host>/<process id>`: what it counts is its own.
   */
  process: Type.Optional(Type.String({ maxLength: 300 })),
  status: HealthStatus,
  dependencies: Type.Array(DependencyHealth, { maxItems: 20 }),
  /** What operators watch, for instance `drops`: `figures.ts` says what each name means. */
  figures: mapOf(Type.Number()),
})
export type ServiceHealth = Static<typeof ServiceHealth>

/** How a service is, by its own look at each thing it depends on. Served by every service. */
export function healthOf(service: string) {
  return defineRequest({
    subject: `rpc.${service}.v1.get-health`,
    request: Type.Object({}),
    reply: ServiceHealth,
    errors: [],
    timeoutMs: 2_000,
  })
}
