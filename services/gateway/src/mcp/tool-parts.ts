import { Type } from 'typebox'
import { IDEMPOTENCY_KEY } from '@mumega/contracts/gateway'

// What several tools have alike.

const PAGE_MAX = 100
// A model reads every message of a page.
export const PAGE_DEFAULT = 20

/** How long a page may be, and how long it is where nobody says. */
export function limitOf({ max, normal }: { max: number; normal: number }) {
  return Type.Optional(
    Type.Integer({ minimum: 1, maximum: max, description: `Default ${normal}.` }),
  )
}

export const limit = limitOf({ max: PAGE_MAX, normal: PAGE_DEFAULT })
export const idempotencyKey = Type.Optional(
  Type.String({
    pattern: IDEMPOTENCY_KEY,
    description:
      '1–255 visible ASCII characters of your choice. When an answer was lost, call again with ' +
      'the same key and the same arguments: it is done once.',
  }),
)

export const READS = { readOnlyHint: true, openWorldHint: false } as const
export const ADDS = { destructiveHint: false, idempotentHint: false, openWorldHint: false } as const
export const AGAIN = { destructiveHint: false, idempotentHint: true, openWorldHint: false } as const
