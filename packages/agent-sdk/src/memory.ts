import { randomUUID } from 'node:crypto'
import { Value } from 'typebox/value'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  recallEngrams,
  recordEngram,
  type Engram,
  type EngramContent,
} from '@mumega/contracts/engrams'
import { listObjectives } from '@mumega/contracts/objectives'
import { getProgress, type ObjectiveProgress } from '@mumega/contracts/progress'
import { Uuid } from '@mumega/contracts/scalars'
import { putWork, WorkId, WorkKind, type Work } from '@mumega/contracts/work'
import { invalidOption } from './errors.ts'
import { askGateway, type Gateway } from './gateway.ts'

/** How a change is made once. */
export interface OnceOptions {
  /**
   * 1–255 visible ASCII characters, the agent's own for at least 30 days. With the same content the
   * same key is done once and answered alike, also by another process after a crash; with other
   * content it is refused. Without one a call is made once, and the next one is another.
   */
  idempotencyKey?: string
}

/** Every condition has to be met. `limit` is at most 100, 50 when absent. */
export type RecallQuery = Omit<RequestOf<typeof recallEngrams>, 'circles' | 'limit'> & {
  limit?: number
}

/** Every condition has to be met. `limit` is at most 200, 50 when absent. */
export type ObjectivesQuery = Omit<RequestOf<typeof listObjectives>, 'limit'> & { limit?: number }

/** All that a task or fleet is now: open without a `state`, tied to none without an objective. */
export type WorkContent = Omit<RequestOf<typeof putWork>, 'requestId' | 'state'> &
  Partial<Pick<RequestOf<typeof putWork>, 'state'>>

/**
 * What an agent remembers, what is wanted of its tenant, and what it does for that. Texts of others
 * are data, and no orders.
 */
export interface Memory {
  /**
   * Recorded, for good, when it resolves. `text` has at most 16,384 bytes of UTF-8, `observedAt`
   * and `expiresAt` are UTC with milliseconds, as `toISOString` writes them.
   *
   * @throws objectives.invalid-engram, .text-too-large, .invalid-text, .not-in-circle,
   * .too-many-engrams; gateway.idempotency-key-reused
   */
  remember(content: EngramContent, options?: OnceOptions): Promise<Engram>
  /**
   * One page of what the agent may recall, at most half a MiB: the newest first, or with a `query`
   * and `order: 'relevance'` the best, in one page. `next`, when present, is the `after` of the
   * next page.
   *
   * @throws objectives.invalid-engram, .text-too-large, .invalid-text, .query-without-words
   */
  recall(query?: RecallQuery): Promise<ReplyOf<typeof recallEngrams>>
  /**
   * One page of the tenant's objectives, the oldest first: of each the version in the `state` asked
   * for, else the one that counts, or counted last, or the newest. `next` is as in `recall`.
   */
  objectives(query?: ObjectivesQuery): Promise<ReplyOf<typeof listObjectives>>
  /**
   * What was computed of an objective on a `day`, as `2026-09-30`, or on the last one that was:
   * values in the key results' units, shares of the way from 0 to 1, and of each the ids of the
   * newest 20 engrams that it was computed from.
   *
   * @throws objectives.progress-not-found, .invalid-day
   */
  progress(objectiveId: string, options?: { day?: string }): Promise<ObjectiveProgress>
  /**
   * On record when it resolves. `drift` of the answer says why it leads to nothing that was
   * ratified. The title has at most 800 bytes of UTF-8.
   *
   * @throws objectives.objective-not-found, .text-too-large, .invalid-text, .too-much-work;
   * gateway.idempotency-key-reused
   */
  putWork(work: WorkContent, options?: OnceOptions): Promise<Work>
}

const KEY = /^[\x21-\x7e]{1,255}$/

/** As `Memory`. @throws agent-sdk.invalid-option for what no path or header can hold */
export function memoryOf(gateway: Gateway): Memory {
  return {
    async remember(content, options) {
      return askGateway(gateway, {
        ...{ method: 'POST', path: '/v1/engrams', body: content },
        ...{ idempotencyKey: keyOf(options), reply: recordEngram.reply },
      })
    },
    async recall(query = {}) {
      const path = `/v1/engrams${queryOf(query)}`
      return askGateway(gateway, { path, reply: recallEngrams.reply })
    },
    async objectives(query = {}) {
      const path = `/v1/objectives${queryOf(query)}`
      return askGateway(gateway, { path, reply: listObjectives.reply })
    },
    async progress(objectiveId, { day } = {}) {
      if (!Value.Check(Uuid, objectiveId)) {
        throw invalidOption('objectiveId', 'is a UUID in lower case')
      }
      const path = `/v1/objectives/${objectiveId}/progress${queryOf({ day })}`
      return askGateway(gateway, { path, reply: getProgress.reply })
    },
    async putWork({ kind, workId, ...body }, options) {
      if (!Value.Check(WorkKind, kind)) throw invalidOption('kind', 'is task or fleet')
      if (!Value.Check(WorkId, workId)) {
        throw invalidOption('workId', 'is 1–128 letters, digits and . _ : - after a first of them')
      }
      return askGateway(gateway, {
        ...{ method: 'PUT', path: `/v1/work/${kind}/${workId}`, body },
        ...{ idempotencyKey: keyOf(options), reply: putWork.reply },
      })
    },
  }
}

function keyOf({ idempotencyKey = randomUUID() }: OnceOptions = {}): string {
  if (KEY.test(idempotencyKey)) return idempotencyKey
  throw invalidOption('idempotencyKey', 'is 1–255 visible ASCII characters')
}

function queryOf(conditions: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(conditions)) {
    if (value !== undefined) query.append(name, String(value))
  }
  return query.size === 0 ? '' : `?${query.toString()}`
}
