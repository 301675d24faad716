import type { Agent, Presence } from '@mumega/contracts/bridge'
import type { AgentRecord } from './agent-repository.ts'

/** In seconds of the system's time. */
export interface PresenceLimits {
  /** Work that is no longer ago makes an agent active. */
  activeSeconds: number
  /** A heartbeat that is no longer ago says that it is there. */
  aliveSeconds: number
  /** A run that began no longer ago is work under way. */
  runSeconds: number
  /** Mail that waits longer is mail that is not heard. */
  unreadSeconds: number
  /** Longer without any sign, and it is dead. */
  deadSeconds: number
}

/** What there is to see of an agent. */
export interface Signs {
  registeredAt: Date
  /** Its last heartbeat. */
  seenAt: Date | undefined
  /** Its last acknowledgement or successful run. */
  workedAt: Date | undefined
  /** The newest of its open runs. */
  startedAt: Date | undefined
  /** Its oldest message that is not settled. */
  unreadSince: Date | undefined
}

/**
 * What an agent's presence is now: computed each time, never stored, so that it cannot be out of
 * date. Work counts, not a process that is up: an agent whose heartbeats go on while its mail waits
 * is dormant.
 */
export function presenceOf(signs: Signs, now: Date, limits: PresenceLimits): Presence {
  const isWithin = (at: Date | undefined, seconds: number) =>
    at !== undefined && now.getTime() - at.getTime() <= seconds * 1_000
  const isSignWithin = (seconds: number) =>
    isWithin(signs.seenAt, seconds) || isWithin(signs.workedAt, seconds)
  if (!isSignWithin(limits.deadSeconds)) {
    return isWithin(signs.registeredAt, limits.deadSeconds) ? 'dormant' : 'dead'
  }
  if (isWithin(signs.workedAt, limits.activeSeconds)) return 'active'
  const isThere = isSignWithin(limits.aliveSeconds)
  if (isThere && isWithin(signs.startedAt, limits.runSeconds)) return 'active'
  const { unreadSince } = signs
  const isMailHeard = unreadSince === undefined || isWithin(unreadSince, limits.unreadSeconds)
  return isThere && isMailHeard ? 'idle' : 'dormant'
}

/** An agent as it is now. */
export function agentNow({ agent, signs }: AgentRecord, now: Date, limits: PresenceLimits): Agent {
  return { ...agent, presence: presenceOf(signs, now, limits) }
}
