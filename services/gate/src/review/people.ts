/** Who had a hand in a track. */
export interface Hands {
  /** `agent.kasra`, or `human.kay`. */
  readonly author: string
  /** Ids of actors: who submitted an iteration, or recorded a fix. */
  readonly workers: readonly string[]
}

/** Whether an actor did the work, or cannot be told from somebody who did. */
export function isOwnWork({ author, workers }: Hands, actorId: string): boolean {
  if (workers.includes(actorId) || principalOf(actorId) === author) return true
  // A token says that a human holds it, and not which.
  const isOfHumans = author.startsWith('human.') || workers.some(isOperator)
  return isOfHumans && isOperator(actorId)
}

/** As `isOwnWork`, of who signs. */
export function isOwnWorkOf({ author, workers }: Hands, principalId: string): boolean {
  return author === principalId || workers.some((worker) => principalOf(worker) === principalId)
}

function isOperator(actorId: string): boolean {
  return actorId.startsWith('operator:')
}

/** The principal of an agent; nobody’s who is no agent. */
function principalOf(actorId: string): string | undefined {
  return actorId.startsWith('agent:') ? `agent.${actorId.slice('agent:'.length)}` : undefined
}
