import { versionOf } from '@mumega/config/version'
import type { ServiceHealth } from '@mumega/contracts/health'
import type { ServiceParts } from '@mumega/service'
import { lookAtParts, THIS_PROCESS, withinCheck, worstOf } from '@mumega/service/health'
import type { Forwarding } from './mirror/forwarding.ts'
import type { Registered } from './principals/register-principals.ts'

export interface OwnParts {
  readonly registered: Registered
  /** Absent where no Mirror is set. */
  readonly forwarding: Forwarding | undefined
}

/** How the service is, by its own look at what it stands on, all at once and bounded. */
export async function readHealth(
  parts: ServiceParts,
  { registered, forwarding }: OwnParts,
): Promise<ServiceHealth> {
  const [needed, mirrorFigures] = await Promise.all([
    lookAtParts(parts),
    // What cannot be counted is left out: a zero would say that nothing waits.
    withinCheck(forwarding?.figures() ?? Promise.resolve({})).catch(() => ({})),
  ])
  return {
    service: 'objectives',
    version: VERSION,
    process: THIS_PROCESS,
    // Nobody who records or recalls here waits for the Mirror.
    status: worstOf(needed.dependencies),
    dependencies: [
      ...needed.dependencies,
      ...(forwarding === undefined ? [] : [forwarding.health()]),
    ],
    figures: { ...needed.figures, ...mirrorFigures, principalsElsewhere: registered.elsewhere },
  }
}

const VERSION = versionOf(new URL('../../package.json', import.meta.url))
