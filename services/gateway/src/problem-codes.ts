/**
 * The status of every code that this API may answer with. Its documentation is made from it, and a
 * test compares both with what is really answered.
 */
export const PROBLEM_STATUS = {
  'gateway.invalid-request': 400,
  'gateway.malformed-json': 400,
  'gateway.malformed-request': 400,
  'gateway.scope-not-for-agents': 400,
  'gateway.tenant-reserved': 400,
  'gateway.token-missing': 401,
  'gateway.token-unknown': 401,
  'gateway.token-expired': 401,
  'gateway.token-revoked': 401,
  'gateway.scope-missing': 403,
  'gateway.scope-not-held': 403,
  'gateway.route-not-found': 404,
  'gateway.tenant-not-found': 404,
  'gateway.token-not-found': 404,
  'gateway.checkpoint-absent': 404,
  'gateway.payload-redacted': 404,
  'gateway.method-not-allowed': 405,
  'gateway.request-timeout': 408,
  'gateway.tenant-exists': 409,
  'gateway.agent-exists': 409,
  'gateway.token-already-shown': 409,
  'gateway.body-too-large': 413,
  'gateway.unsupported-media-type': 415,
  'gateway.idempotency-key-reused': 422,
  'gateway.rate-limited': 429,
  'gateway.too-many-streams': 429,
  'gateway.headers-too-large': 431,
  'gateway.internal-error': 500,
  'gateway.cannot-authenticate': 503,
  'gateway.not-ready': 503,
  'gateway.receipt-pending': 503,
  'gateway.stopping': 503,
  'gateway.timeout': 503,
  'bridge.invalid-text': 400,
  'bridge.invalid-cursor': 400,
  'bridge.sender-not-an-agent': 403,
  'bridge.identity-binding-mismatch': 403,
  'bridge.operators-only': 403,
  'bridge.agent-not-found': 404,
  'bridge.message-not-found': 404,
  'bridge.dead-letter-not-found': 404,
  'bridge.inbox-full': 409,
  'bridge.replay-failed': 409,
  'bridge.too-many-recipients': 409,
  'bridge.text-too-large': 413,
  'bridge.too-many-asks': 503,
  'bridge.ask-interrupted': 503,
  'audit-ledger.entry-not-found': 404,
  'audit-ledger.tile-not-found': 404,
  'bus.invalid-request': 400,
  'bus.too-large': 413,
  'bus.no-responders': 503,
  'bus.overloaded': 503,
  'bus.timeout': 503,
  'bus.unavailable': 503,
  'db.unavailable': 503,
} as const satisfies Record<string, number>

export type ProblemCode = keyof typeof PROBLEM_STATUS

/** The status of `code`, where it is one of ours. */
export function statusOf(code: string): number | undefined {
  return Object.entries(PROBLEM_STATUS).find(([known]) => known === code)?.[1]
}
