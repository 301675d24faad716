import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { App } from './app.ts'

export interface Metrics {
  readonly registry: Registry
  readonly requests: Counter<'method' | 'route' | 'status'>
  readonly durationSeconds: Histogram<'method' | 'route'>
  readonly problems: Counter<'code'>
  readonly connectionsOpen: Gauge
  readonly connectionsRefused: Counter
  readonly streamsOpen: Gauge
  readonly streamEvents: Counter
}

/** Every metric of the gateway. Labels are routes and codes, of which there are few; never ids. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    requests: new Counter({
      name: 'gateway_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    durationSeconds: new Histogram({
      name: 'gateway_http_request_duration_seconds',
      help: 'From the first byte of a request to the last of its response, event streams left out.',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
      registers,
    }),
    problems: new Counter({
      name: 'gateway_problems_total',
      help: 'Failed requests by the code of their problem.',
      labelNames: ['code'],
      registers,
    }),
    connectionsOpen: new Gauge({
      name: 'gateway_connections_open',
      help: 'Connections that are open.',
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'gateway_connections_refused_total',
      help: 'Connections closed at once: there were too many, of their address or in all.',
      registers,
    }),
    streamsOpen: new Gauge({
      name: 'gateway_inbox_streams_open',
      help: 'Event streams, and requests that wait for mail, that are open.',
      registers,
    }),
    streamEvents: new Counter({
      name: 'gateway_inbox_events_total',
      help: 'Messages written to event streams.',
      registers,
    }),
  }
}

/** Counts and times every response. */
export function measureRequests(app: App, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched'
    // A client may invent methods; only those of our routes become labels.
    const method = route === 'unmatched' ? 'any' : request.method
    metrics.requests.inc({ method, route, status: String(reply.statusCode) })
    const isStream = reply.getHeader('content-type') === 'text/event-stream'
    if (!isStream) metrics.durationSeconds.observe({ method, route }, reply.elapsedTime / 1_000)
    done()
  })
}
