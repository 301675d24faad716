import type { Bus } from '@mumega/bus'
import { backlogOf } from '@mumega/bus/streams'
import type { DependencyHealth } from '@mumega/contracts/health'
import type { Bridge } from '../bridge.ts'
import type { Config } from '../config.ts'
import { openKafka } from './client.ts'
import { openFigures } from './figures.ts'
import { FORWARDERS, startForwarding } from './forward.ts'
import { startInbound } from './inbound.ts'
import { startLead } from './lead.ts'
import { openSender } from './sender.ts'

/** The bridge's side towards Kafka. */
export interface KafkaSide {
  health(): DependencyHealth[]
  figures(): Promise<Record<string, number>>
  /** Takes nothing more from either side, ends what is under way, and closes; within seconds. */
  stop(): Promise<void>
}

/** Begins to forward and to consume. Kafka need not be there: it is tried until it is. */
export function startKafkaSide(bridge: Bridge, bus: Bus, config: Config): KafkaSide {
  const figures = openFigures([
    config.KAFKA_MESSAGES_TOPIC,
    config.KAFKA_EVENTS_TOPIC,
    config.KAFKA_AUDIT_TOPIC,
    config.KAFKA_DEAD_LETTERS_TOPIC,
  ])
  const kafka = openKafka(config)
  const sender = openSender(kafka, { figures, idempotent: config.KAFKA_IDEMPOTENT })
  const parts = { bridge, bus, config, sender, figures }
  const lead = startLead({
    db: bridge.db,
    name: 'bridge forwards to kafka',
    begin: (signal) => startForwarding(parts, signal),
  })

  const inbound = startInbound(kafka, parts)

  return {
    health: () => figures.health(),
    async figures() {
      const behind: Record<string, number> = {}
      for (const name of FORWARDERS) {
        const backlog = await backlogOf(bus.connection, { service: bus.service, name })
        behind[`kafkaBehind.${name}`] = backlog.waiting + backlog.unacknowledged
      }
      return { ...figures.read(), ...behind, kafkaForwards: lead.isHeld() ? 1 : 0 }
    },
    async stop() {
      await Promise.all([lead.stop(), inbound.stop()])
      await sender.stop()
    },
  }
}
