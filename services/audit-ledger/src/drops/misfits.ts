import { hash, randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '@mumega/config/clock'
import { conflictRecorded, dropRecorded } from '@mumega/contracts/audit-findings'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged, type AuditRecord, type OutgoingEvent } from '@mumega/db/act'
import { SALT_BYTES } from '@mumega/tlog/entry'
import { ERASED_HASH } from '../sealing/log-repository.ts'
import {
  countOpenDrops,
  findErased,
  insertConflict,
  RESOLVED_MAX,
  resolveDrops,
  upsertDrops,
} from './misfit-repository.ts'

/** An intent that could not be chained. */
export interface Drop {
  readonly source: string
  /** Absent when the bytes could not be read that far. */
  readonly id?: string
  readonly reason: string
  readonly attempts: number
  /** SHA-256 over what was refused. */
  readonly payloadHash: Buffer
  /** Entries of the log when it was refused: what is sealed later may resolve it. */
  readonly logSize: number
}

/** The same (source, id) with other content than was sealed; hashes over the canonical intents. */
export interface Conflict {
  readonly source: string
  readonly id: string
  readonly sealed: Buffer
  readonly refused: Buffer
}

/** Where everything is put on record that does not become an entry. */
export interface Misfits {
  /**
   * Resolves when the record is committed; a repeated one counts up its attempts. Throws what the
   * database throws, and MisfitsFull at once when too many wait.
   */
  recordDrop(drop: Drop): Promise<void>
  /**
   * Resolves when it is committed; a repeated one changes nothing. It becomes an entry itself, by
   * the outbox.
   */
  recordConflict(conflict: Conflict): Promise<void>
  /** Marks the drops whose event is in the log by now. Returns how many are still open. */
  resolve(): Promise<number>
  figures(): MisfitFigures
}

export interface MisfitFigures {
  /** Records that were written since the start. */
  records: number
  /** Records that failed to be written since the start; their messages were handed back. */
  failures: number
  /** Records that wait to be written. */
  waiting: number
}

/** Too much waits to be put on record: whoever asks hands back what it has, and comes again. */
class MisfitsFull extends Error {
  constructor() {
    super(`${WAITING_MAX} records wait to be written`)
    this.name = 'MisfitsFull'
  }
}

// Of one transaction; the rest waits for the next.
const RECORDS_MAX = 500
const WAITING_MAX = 2_048

interface Waiting {
  readonly misfit: { drop: Drop } | { conflict: Conflict }
  resolve(): void
  reject(error: unknown): void
}

/**
 * LOCK-MON-6: nothing is dropped in silence. The path to the record shares nothing with the chain:
 * its own pool, its own transaction, no lock but against the erasure of what it names. Its events
 * and the audit of conflicts go through the outbox like any service's.
 *
 * @param db a pool that nothing else uses
 */
export function openMisfits(db: Knex, clock: Clock): Misfits {
  const context = {
    tenantId: SUBSTRATE,
    actor: { id: 'service:audit-ledger', kind: 'service' },
  } as const
  let queue: Waiting[] = []
  let isRunning = false
  let failures = 0
  let records = 0

  async function write(batch: readonly Waiting[]): Promise<void> {
    const occurredAt = clock.now()
    await act(db, { context, clock }, async (trx) => {
      const audit: AuditRecord[] = []
      const events: OutgoingEvent[] = []
      const { drops, conflicts } = await withoutErased(trx, batch)
      const named = drops.map((drop) => ({ ...drop, dropId: uuidv7(), occurredAt }))
      for (const drop of await upsertDrops(trx, named)) events.push(dropEvent(drop, drop.dropId))
      for (const conflict of conflicts) {
        const salted = { ...conflict, salt: randomBytes(SALT_BYTES), occurredAt }
        if (await insertConflict(trx, salted)) {
          audit.push(conflictAudit(salted))
          events.push(outgoing(conflictRecorded, conflictPayload(salted)))
        }
      }
      return { reply: undefined, audit, events }
    })
  }

  async function run(): Promise<void> {
    isRunning = true
    while (queue.length > 0) {
      const batch = queue.slice(0, RECORDS_MAX)
      queue = queue.slice(batch.length)
      try {
        await write(batch)
        records += batch.length
        for (const waiting of batch) waiting.resolve()
      } catch (error) {
        failures += batch.length
        for (const waiting of batch) waiting.reject(error)
      }
    }
    isRunning = false
  }

  function enqueue(misfit: Waiting['misfit']): Promise<void> {
    return new Promise((resolve, reject) => {
      if (queue.length >= WAITING_MAX) throw new MisfitsFull()
      queue.push({ misfit, resolve, reject })
      if (!isRunning) void run()
    })
  }

  return {
    recordDrop: (drop) => enqueue({ drop }),
    recordConflict: (conflict) => enqueue({ conflict }),
    async resolve() {
      for (;;) {
        const { resolved, open } = await act(db, { context, clock }, async (trx) => {
          const marked = await resolveDrops(trx, clock.now())
          return unchanged({ resolved: marked, open: await countOpenDrops(trx) })
        })
        if (resolved < RESOLVED_MAX) return open
      }
    },
    figures: () => ({ records, failures, waiting: queue.length }),
  }
}

const ERASED = Buffer.from(ERASED_HASH, 'latin1')

/**
 * What is put on record of these: of an event that was erased no hash, and no conflict, as whatever
 * comes under its id is taken for it.
 */
async function withoutErased(
  trx: Knex.Transaction,
  batch: readonly Waiting[],
): Promise<{ drops: Drop[]; conflicts: Conflict[] }> {
  const misfits = batch.map(({ misfit }) => misfit)
  const drops = misfits.flatMap((misfit) => ('drop' in misfit ? [misfit.drop] : []))
  const conflicts = misfits.flatMap((misfit) => ('drop' in misfit ? [] : [misfit.conflict]))
  const named = [...drops, ...conflicts].flatMap(({ source, id }) =>
    id === undefined ? [] : [{ source, id }],
  )
  const erased = await findErased(trx, named)
  const isErased = ({ source, id }: Pick<Drop, 'source' | 'id'>) =>
    erased.has(`${source} ${id ?? ''}`)
  return {
    drops: drops.map((drop) => (isErased(drop) ? { ...drop, payloadHash: ERASED } : drop)),
    conflicts: conflicts.filter((conflict) => !isErased(conflict)),
  }
}

function dropEvent(drop: Drop, dropId: string): OutgoingEvent {
  const { source, id, reason } = drop
  return outgoing(dropRecorded, { dropId, source, ...(id !== undefined && { id }), reason })
}

type Salted = Conflict & { readonly salt: Buffer }

/** Without the salt, which an erasure takes, it tells neither hash. */
function conflictPayload({ source, id, sealed, refused, salt }: Salted) {
  const commitment = hash('sha256', Buffer.concat([salt, sealed, refused]), 'hex')
  return { source, id, commitment }
}

function conflictAudit(conflict: Salted): AuditRecord {
  return {
    chain: SUBSTRATE,
    action: 'audit.conflict-recorded',
    target: `entry:${conflict.source}/${conflict.id}`,
    payload: conflictPayload(conflict),
  }
}
