import { readFile } from 'node:fs/promises'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { Sprint, sprintOpened, TRACKS_MAX } from '@mumega/contracts/gate'
import { LedgerRow } from '@mumega/contracts/gate-ledger'
import { Shape, shapeNamed, shapeProposed } from '@mumega/contracts/gate-shapes'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import { complaintsOf } from '@mumega/contracts/variants'
import { act, outgoing, unchanged } from '@mumega/db/act'
import { logger } from '@mumega/telemetry'
import { GATE_CONTEXT, type Gate } from '../gate.ts'
import { addShape } from '../shapes/occurrence.ts'
import { findShape, lockShapes } from '../shapes/shape-repository.ts'
import { findSprint, insertSprint, lockSprints } from '../sprints/sprint-repository.ts'
import { insertHistoric } from './historic-repository.ts'

const closed = { additionalProperties: false } as const
const Count = Type.Integer({ minimum: 0 })

/** What is known of a sprint from before there was a gate. */
const Seed = Type.Object(
  {
    sprint: Type.Pick(Sprint, ['sprintId', 'title', 'note'], closed),
    tracks: Type.Array(
      Type.Object(
        {
          ...Type.Pick(LedgerRow, ['trackId', 'title', 'blocks']).properties,
          iterations: Type.Integer({ minimum: 1 }),
        },
        closed,
      ),
      { minItems: 1, maxItems: TRACKS_MAX },
    ),
    /** Of each track. */
    postGreen: Count,
    verdict: Type.Literal('GREEN'),
    shapes: Type.Array(Type.Omit(Shape, ['occurrences', 'firstAt', 'namedAt'], closed), {
      maxItems: 20,
    }),
  },
  closed,
)
type Seed = Static<typeof Seed>

const FILE = new URL('../../../seed/s023.json', import.meta.url)

/** @throws TypeError where the file is not what its schema says */
export async function readSeed(): Promise<Seed> {
  const value: unknown = JSON.parse(await readFile(FILE, 'utf8'))
  if (Value.Check(Seed, value)) return value
  const [first] = complaintsOf(Compile(Seed), value)
  throw new TypeError(`${FILE.pathname} is no seed: ${first?.instancePath} ${first?.message}`)
}

/**
 * Puts a seed on record for the substrate, once: what is on record stays as it is, whatever the
 * file says now.
 */
export async function loadSeed(gate: Gate, seed: Seed): Promise<{ readonly elsewhere: number }> {
  await loadShapes(gate, seed)
  const isLoaded = await loadSprint(gate, seed)
  if (!isLoaded) logger('gate').error({ sprintId: seed.sprint.sprintId }, 'seed-has-another-sprint')
  return { elsewhere: isLoaded ? 0 : 1 }
}

/** False where its id is another sprint's. */
async function loadSprint(
  { db, clock }: Gate,
  { sprint, tracks, postGreen, verdict }: Seed,
): Promise<boolean> {
  const { sprintId } = sprint
  const key = { tenantId: SUBSTRATE, sprintId }
  return act(db, { context: GATE_CONTEXT, clock }, async (trx) => {
    await lockSprints(trx, SUBSTRATE)
    const known = await findSprint(trx, key)
    if (known !== undefined) return unchanged(known.origin === 'seed')
    const opened = { openedBy: GATE_CONTEXT.actor.id, openedAt: clock.now().toISOString() }
    await insertSprint(trx, { ...key, ...sprint, origin: 'seed', ...opened })
    await insertHistoric(trx, key, { tracks, postGreen, verdict })
    return {
      reply: true,
      audit: [
        {
          action: 'sprint.opened',
          target: `sprint:${sprintId}`,
          payload: { origin: 'seed', ...sprint, tracks, postGreen, verdict },
        },
      ],
      events: [outgoing(sprintOpened, { ...key, origin: 'seed' })],
    }
  })
}

async function loadShapes({ db, clock }: Gate, { shapes }: Seed): Promise<void> {
  for (const shape of shapes) {
    const { shapeId, state } = shape
    const key = { tenantId: SUBSTRATE, shapeId }
    await act(db, { context: GATE_CONTEXT, clock }, async (trx) => {
      await lockShapes(trx, SUBSTRATE)
      if ((await findShape(trx, key)) !== undefined) return unchanged(undefined)
      const at = clock.now().toISOString()
      const isNamed = state === 'named'
      await addShape(trx, SUBSTRATE, { ...shape, firstAt: at, ...(isNamed && { namedAt: at }) })
      return {
        reply: undefined,
        audit: [
          {
            action: isNamed ? 'shape.named' : 'shape.proposed',
            target: `shape:${shapeId}`,
            payload: shape,
          },
        ],
        events: [outgoing(isNamed ? shapeNamed : shapeProposed, key)],
      }
    })
  }
}
