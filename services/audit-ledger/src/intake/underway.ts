import type { PreparedIntent } from '../sealing/intent.ts'

/** Intents that are being sealed; of several with one source and id the first. */
export interface Underway {
  enter(intent: PreparedIntent): void
  /** It is settled: who followed it goes on. */
  leave(intent: PreparedIntent): void
  /** Calls when the intent of that name has left. False, and calls nobody, where there is none. */
  follow(name: { source: string; id: string }, follower: () => void): boolean
}

export function openUnderway(): Underway {
  // One map for each source: a key of both would be one more string for each intent.
  const bySource = new Map<string, Map<string, PreparedIntent>>()
  const followers = new Map<PreparedIntent, (() => void)[]>()
  return {
    enter(intent) {
      const { source, id } = intent
      const known = bySource.get(source) ?? new Map<string, PreparedIntent>()
      bySource.set(source, known)
      if (!known.has(id)) known.set(id, intent)
    },
    leave(intent) {
      const known = bySource.get(intent.source)
      if (known?.get(intent.id) === intent) known.delete(intent.id)
      const called = followers.get(intent) ?? []
      followers.delete(intent)
      for (const follower of called) follower()
    },
    follow({ source, id }, follower) {
      const intent = bySource.get(source)?.get(id)
      if (intent === undefined) return false
      followers.set(intent, [...(followers.get(intent) ?? []), follower])
      return true
    },
  }
}
