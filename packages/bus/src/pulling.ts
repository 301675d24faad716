import { createInbox, nanos, type Msg } from '@nats-io/transport-node'
import type { ConsumerRights } from '@mumega/contracts/topology'
import { orClosed, type Link } from './link.ts'
import { pullSubjectOf } from './topology-names.ts'
import { headersOf, INBOX_PREFIX } from './wire.ts'

export interface Puller {
  /**
   * Asks the server for as many messages as there is room for, unless it has been asked already.
   */
  more(): void
  /** Asks for nothing more, and resolves when what was already on its way has been handed over. */
  stop(): Promise<void>
}

export interface PullerOptions {
  readonly link: Link
  readonly consumer: ConsumerRights
  /** How many messages can be taken now. */
  readonly room: () => number
  readonly onMessage: (msg: Msg) => void
}

const PULL_MS_MAX = 20_000
const HEARTBEAT_MS = 5_000
// Two heartbeats and some: then the server has forgotten the pull, or the connection is half open.
const SILENCE_MS_MAX = 12_000
const RETRY_MS = 500
const ACK_PREFIX = '$JS.ACK.'

/**
 * Pulls from a durable consumer, one request at a time, never for more than there is room for. The
 * client's own `consume` refills its buffer as messages arrive, not as they are done, and so holds
 * up to `max_ack_pending` bodies.
 */
export function openPuller({ link, consumer, room, onMessage }: PullerOptions): Puller {
  const inbox = createInbox(`${INBOX_PREFIX}${link.service}`)
  let pull: { inbox: string; left: number; heardAt: number } | undefined
  let pulls = 0
  let stopped = false
  let retry: NodeJS.Timeout | undefined

  function more(): void {
    const batch = room()
    if (stopped || pull !== undefined || retry !== undefined || batch < 1 || !link.isUp()) return
    pulls += 1
    pull = { inbox: `${inbox}.${pulls}`, left: batch, heardAt: performance.now() }
    link.connection.publish(pullSubjectOf(consumer), requestFor(batch), { reply: pull.inbox })
  }

  function onArrival(msg: Msg): void {
    if (pull !== undefined) pull.heardAt = performance.now()
    if (msg.reply?.startsWith(ACK_PREFIX) === true) {
      // It comes under its own subject, not the inbox, so it may be of an earlier pull that was
      // given up: then one message more than asked for is on its way.
      if (pull !== undefined) pull.left -= 1
      if (pull?.left === 0) pull = undefined
      onMessage(msg)
      more()
    } else if (msg.subject === pull?.inbox && headersOf(msg)?.code !== 100) {
      onEnd(msg)
    }
  }

  function restart(): void {
    clearTimeout(retry)
    pull = undefined
    retry = undefined
    more()
  }

  /**
   * 404 and 408 end a pull that found less than it asked for; any other status is a failure that
   * may pass.
   */
  function onEnd(msg: Msg): void {
    const { code = 0, description } = headersOf(msg) ?? {}
    pull = undefined
    if (code === 404 || code === 408) return more()
    link.log.warn({ code, description, consumer: consumer.name }, 'pull-failed')
    retry ??= setTimeout(restart, RETRY_MS)
  }

  const subscription = link.connection.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error === null) onArrival(msg)
      else link.log.error({ error, consumer: consumer.name }, 'consume-refused')
    },
  })
  const watch = setInterval(() => {
    if (pull !== undefined && performance.now() - pull.heardAt > SILENCE_MS_MAX) pull = undefined
    more()
  }, HEARTBEAT_MS)
  link.onReconnect(restart)

  return {
    more,
    async stop() {
      stopped = true
      clearInterval(watch)
      clearTimeout(retry)
      if (!subscription.isClosed()) await orClosed(link, subscription.drain())
    },
  }
}

function requestFor(batch: number): string {
  const limits = { expires: nanos(PULL_MS_MAX), idle_heartbeat: nanos(HEARTBEAT_MS) }
  return JSON.stringify({ batch, ...limits })
}
