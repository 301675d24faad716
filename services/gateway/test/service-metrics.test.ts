import { expect, test } from '@jest/globals'
import { FIGURES } from '@mumega/contracts/figures'
import type { ServiceHealth } from '@mumega/contracts/health'
import { metricNameOf, tellServices } from '../src/service-metrics.ts'
import { readMetrics } from './read-metrics.ts'

const bridge = (figures: Record<string, number>): ServiceHealth => ({
  service: 'bridge',
  version: '0.1.0',
  process: 'host/1',
  status: 'ok',
  dependencies: [
    { name: 'postgres', status: 'ok', latencyMs: 12.5 },
    { name: 'kafka', status: 'failing', latencyMs: 0 },
    { name: 'nats', status: 'unknown', latencyMs: 1_500 },
  ],
  figures,
})

/** A scrape, when the bridge has said this. */
const scrape = async (health: ServiceHealth | undefined) =>
  readMetrics(await tellServices([{ service: 'bridge', health }]).metrics())

test('every figure that is declared has a name of its own as Prometheus names things', async () => {
  for (const [service, figures] of Object.entries(FIGURES)) {
    const declared = Object.entries(figures)
    const told = declared.map(([name, { label }]) => [label ? `${name}.x` : name, 1_000] as const)
    const health = { ...bridge(Object.fromEntries(told)), service }
    const text = await tellServices([{ service, health }]).metrics()

    const { value, families } = readMetrics(text)
    const names = declared.map(([name, figure]) => metricNameOf(service, name, figure))
    expect(new Set(names).size).toBe(declared.length)
    for (const [nth, [name]] of declared.entries()) {
      const expected = name.endsWith('Ms') ? 1 : 1_000
      expect([name, value(names[nth] ?? '')]).toEqual([name, expected])
    }
    expect(families.every(({ help }) => help.endsWith('.'))).toBe(true)
  }
})

test('what a figure is told for becomes its label, whatever characters it has', async () => {
  const evil = 'a"b\\c\nd} 1\n# EOF,é'
  const { value, labelsOf } = await scrape(
    bridge({ 'kafkaLag.3': 7, 'kafkaLag.12': 0, [`kafkaOut.${evil}`]: 2, 'kafkaOut.a.b': 1 }),
  )

  expect(value('mumega_bridge_kafka_lag_records', { partition: '3', process: 'host/1' })).toBe(7)
  expect(value('mumega_bridge_kafka_lag_records', { partition: '12' })).toBe(0)
  expect(labelsOf('mumega_bridge_kafka_out_records_total', 'topic')).toEqual([evil, 'a.b'].sort())
})

test('beyond 200 values of a label, or 255 characters, the rest is told as one', async () => {
  const lags = Array.from({ length: 300 }, (_, nth) => [`kafkaLag.${nth}`, 1] as const)
  const { value, labelsOf } = await scrape(
    bridge({ ...Object.fromEntries(lags), [`kafkaOut.${'x'.repeat(256)}`]: 3 }),
  )

  expect(labelsOf('mumega_bridge_kafka_lag_records', 'partition')).toHaveLength(201)
  expect(value('mumega_bridge_kafka_lag_records', { partition: 'other' })).toBe(100)
  expect(value('mumega_bridge_kafka_out_records_total', { topic: 'other' })).toBe(3)
})

test('a figure that is not known, or cannot be, is left out and counted', async () => {
  const { value, families } = await scrape(
    bridge({ kafkaIn: -1, fromTheFuture: 1, constructor: 1, kafkaLag: 1, 'asksWaiting.x': 1 }),
  )

  expect(value('mumega_service_figures_unread', { service: 'bridge' })).toBe(5)
  expect(families.filter(({ name }) => name.startsWith('mumega_bridge_'))).toEqual([])
})

test('only what is ok is up, and only what was asked has a latency', async () => {
  const { value, labelsOf } = await scrape(bridge({}))
  const upOf = (dependency: string) => value('mumega_dependency_up', { dependency })

  expect([upOf('postgres'), upOf('kafka'), upOf('nats')]).toEqual([1, 0, 0])
  expect(labelsOf('mumega_dependency_latency_seconds', 'dependency')).toEqual(['nats', 'postgres'])
  expect(value('mumega_dependency_latency_seconds', { dependency: 'postgres' })).toBe(0.0125)
})

test('of a service that did not answer nothing is told but that', async () => {
  const { value, families } = await scrape(undefined)

  expect(value('mumega_service_up', { service: 'bridge' })).toBe(0)
  const told = families.filter(({ metrics }) => metrics.length > 0)
  expect(told.map(({ name }) => name)).toEqual(['mumega_service_up'])
})
