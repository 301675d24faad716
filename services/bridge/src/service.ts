import type { Bus } from '@mumega/bus'
import { askAbandoned, askAgent } from '@mumega/contracts/asks'
import * as contracts from '@mumega/contracts/bridge'
import * as deliveries from '@mumega/contracts/deliveries'
import { deadLettered, listDeadLetters, replayDeadLetter } from '@mumega/contracts/dead-letters'
import { healthOf } from '@mumega/contracts/health'
import { getSendPolicy, setSendPolicy } from '@mumega/contracts/send-policy'
import { startService } from '@mumega/service'
import type { PresenceLimits } from './agents/presence.ts'
import { handleListAgents, handleGetAgent } from './agents/read-agents.ts'
import { handleRecordHeartbeat } from './agents/record-heartbeat.ts'
import { handleRegisterAgent } from './agents/register-agent.ts'
import type { Bridge } from './bridge.ts'
import type { Config } from './config.ts'
import { handleListDeadLetters } from './dead-letters/list-dead-letters.ts'
import { onDeadLettered } from './dead-letters/on-dead-lettered.ts'
import { handleReplayDeadLetter } from './dead-letters/replay-dead-letter.ts'
import { handleAcknowledgeMessage } from './deliveries/acknowledge-message.ts'
import { handleForgetBody, handleListBodies } from './deliveries/bodies.ts'
import { handleHoldMessage } from './deliveries/hold-message.ts'
import { handleReceiveMessages } from './deliveries/receive-messages.ts'
import { handleRejectMessage } from './deliveries/reject-message.ts'
import { startSweep } from './deliveries/sweep.ts'
import { handleListUndelivered, handleRedeliverMessage } from './deliveries/undelivered.ts'
import { readHealth } from './health.ts'
import type { KafkaSide } from './kafka/kafka-side.ts'
import { handleAskAgent } from './messages/ask-agent.ts'
import { handleGetInboxMessage } from './messages/get-inbox-message.ts'
import { handleGetMessage } from './messages/get-message.ts'
import { handleListInbox } from './messages/list-inbox.ts'
import { handleBroadcastMessage, handleSendMessage } from './messages/send-message.ts'
import { openWaitingAsks, type WaitingAsks } from './messages/waiting-asks.ts'
import { startOwnHeartbeat } from './own-heartbeat.ts'
import { handleGetSendPolicy } from './send-policy/read-send-policy.ts'
import { handleSetSendPolicy } from './send-policy/set-send-policy.ts'

/**
 * Answers the bridge's subjects until `stop()` resolves. Any number of these may run on one
 * database.
 */
export async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  return startService({ name: 'bridge', config }, async (parts) => {
    const { bus, db, clock, onStop } = parts
    const asks = openWaitingAsks({
      all: config.BRIDGE_ASKS_WAITING_MAX,
      perTenant: config.BRIDGE_ASKS_WAITING_PER_TENANT_MAX,
      perAgent: config.BRIDGE_ASKS_WAITING_PER_AGENT_MAX,
    })
    onStop(async () => {
      const drained = bus.drain()
      // Asks that wait are told to go on in another instance, which is all that they reach now;
      // else the drain would wait for their deadlines.
      asks.stop()
      await drained
    })
    const bridge = {
      db,
      clock,
      presence: presenceLimits(config),
      inboxUnreadMax: config.BRIDGE_INBOX_UNREAD_MAX,
    }
    serveAgents(bridge, bus)
    serveMessages(bridge, bus, asks)
    serveDeliveries(bridge, bus)
    serveSendPolicy(bridge, bus)
    await serveDeadLetters(bridge, bus)
    const heartbeat = startOwnHeartbeat(bridge, bus)
    onStop(() => heartbeat.stop())
    const sweep = startSweep(bridge)
    onStop(() => sweep.stop())
    const kafka = await startKafka(bridge, bus, config)
    onStop(async () => kafka?.stop())
    bus.serve(healthOf('bridge'), () => readHealth(parts, { asks, heartbeat, kafka }))
  })
}

function presenceLimits(config: Config): PresenceLimits {
  return {
    activeSeconds: config.BRIDGE_ACTIVE_SECONDS,
    aliveSeconds: config.BRIDGE_ALIVE_SECONDS,
    runSeconds: config.BRIDGE_RUN_SECONDS,
    unreadSeconds: config.BRIDGE_UNREAD_SECONDS,
    deadSeconds: config.BRIDGE_DEAD_SECONDS,
  }
}

/** Loads the Kafka side only where it is wanted. */
async function startKafka(
  bridge: Bridge,
  bus: Bus,
  config: Config,
): Promise<KafkaSide | undefined> {
  if (config.KAFKA_BROKERS === undefined) return undefined
  const { startKafkaSide } = await import('./kafka/kafka-side.ts')
  return startKafkaSide(bridge, bus, config)
}

function serveAgents(bridge: Bridge, bus: Bus): void {
  bus.serve(contracts.registerAgent, (request, { context }) =>
    handleRegisterAgent(bridge, context, request),
  )
  bus.serve(contracts.getAgent, (request, { context }) => handleGetAgent(bridge, context, request))
  bus.serve(contracts.listAgents, (request, { context }) =>
    handleListAgents(bridge, context, request),
  )
  bus.serve(contracts.recordHeartbeat, (request, { context }) =>
    handleRecordHeartbeat(bridge, context, request),
  )
}

function serveMessages(bridge: Bridge, bus: Bus, asks: WaitingAsks): void {
  bus.serve(contracts.sendMessage, (request, { context }) =>
    handleSendMessage(bridge, context, request),
  )
  bus.serve(contracts.broadcastMessage, (request, { context }) =>
    handleBroadcastMessage(bridge, context, request),
  )
  bus.hear(contracts.messageAccepted, (message) => {
    asks.hear(message)
  })
  bus.hear(askAbandoned, (wait) => {
    asks.abandon(wait)
  })
  bus.onReconnect(() => {
    asks.wakeAll()
  })
  bus.serve(askAgent, (request, { context, deadline }) =>
    handleAskAgent(bridge, { context, request }, { asks, callDeadline: deadline }),
  )
  bus.serve(contracts.listInbox, (request, { context }) =>
    handleListInbox(bridge, context, request),
  )
  bus.serve(deliveries.getMessage, (request, { context }) =>
    handleGetMessage(bridge, context, request),
  )
}

function serveDeliveries(bridge: Bridge, bus: Bus): void {
  bus.serve(deliveries.receiveMessages, (request, { context }) =>
    handleReceiveMessages(bridge, context, request),
  )
  bus.serve(deliveries.getInboxMessage, (request, { context }) =>
    handleGetInboxMessage(bridge, context, request),
  )
  bus.serve(deliveries.acknowledgeMessage, (request, { context }) =>
    handleAcknowledgeMessage(bridge, context, request),
  )
  bus.serve(deliveries.holdMessage, (request, { context }) =>
    handleHoldMessage(bridge, context, request),
  )
  bus.serve(deliveries.rejectMessage, (request, { context }) =>
    handleRejectMessage(bridge, context, request),
  )
  bus.serve(deliveries.listBodies, (_request, { context }) => handleListBodies(bridge, context))
  bus.serve(deliveries.forgetBody, (request, { context }) =>
    handleForgetBody(bridge, context, request),
  )
  bus.serve(deliveries.listUndelivered, (request, { context }) =>
    handleListUndelivered(bridge, context, request),
  )
  bus.serve(deliveries.redeliverMessage, (request, { context }) =>
    handleRedeliverMessage(bridge, context, request),
  )
}

function serveSendPolicy(bridge: Bridge, bus: Bus): void {
  bus.serve(setSendPolicy, (request, { context }) => handleSetSendPolicy(bridge, context, request))
  bus.serve(getSendPolicy, (_request, { context }) => handleGetSendPolicy(bridge, context))
}

async function serveDeadLetters(bridge: Bridge, bus: Bus): Promise<void> {
  bus.serve(listDeadLetters, (request, { context }) =>
    handleListDeadLetters(bridge, context, request),
  )
  bus.serve(replayDeadLetter, (request, { context }) =>
    handleReplayDeadLetter(bridge, bus, { context, request }),
  )
  // The consumer's filter takes every service's; they differ from this one contract in the subject
  // only.
  await bus.consume(deadLettered('bridge'), 'bridge-dead-letters', (letter, delivery) =>
    onDeadLettered(bridge, letter, delivery),
  )
}
