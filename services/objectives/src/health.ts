import type { Bus } from '@mumega/bus'
import {
  checkDependency,
  relayHealth,
  THIS_PROCESS,
  withinCheck,
  worstOf,
} from '@mumega/bus/health'
import type { Relay } from '@mumega/bus/relay'
import { versionOf } from '@mumega/config/version'
import type { ServiceHealth } from '@mumega/contracts/health'
import { checkDatabase } from '@mumega/db'
import type { Outbox } from '@mumega/db/outbox'
import type { Objectives } from './objectives.ts'
import type { Registered } from './principals/register-principals.ts'

export interface Parts {
  readonly bus: Bus
  readonly relay: Relay
  readonly outbox: Outbox
  readonly registered: Registered
}

/** How the service is, by its own look at the database, the bus and its relay, bounded. */
export async function readHealth({ db }: Objectives, parts: Parts): Promise<ServiceHealth> {
  const { bus, relay, outbox, registered } = parts
  const [database, nats, outboxPending] = await Promise.all([
    checkDependency('postgres', () => checkDatabase(db)),
    checkDependency('nats', () => bus.roundTripMs()),
    // What cannot be counted is left out: a zero would say that nothing waits.
    withinCheck(outbox.countPending()).catch(() => undefined),
  ])
  const dependencies = [database, nats, relayHealth(relay)]
  const { published, failures } = relay.figures()
  return {
    service: 'objectives',
    version: VERSION,
    process: THIS_PROCESS,
    status: worstOf(dependencies),
    dependencies,
    figures: {
      principalsElsewhere: registered.elsewhere,
      relayPublished: published,
      relayFailures: failures,
      ...(outboxPending !== undefined && { outboxPending }),
    },
  }
}

const VERSION = versionOf(new URL('../../package.json', import.meta.url))
