import type { Knex } from '@mumega/db'
import type { Finding } from '../scrubbing/finding.ts'
import { GAPS_MAX, type Gap, type SourceGaps } from './gap-repository.ts'
import type { OpenIntent } from './open-intent-repository.ts'

export function gapFinding({ source, first, last }: Gap, gapMs: number): Finding {
  const count = last - first + 1
  return {
    kind: 'intents-missing',
    place: count === 1 ? `${source}, number ${first}` : `${source}, numbers ${first} to ${last}`,
    expected: count === 1 ? 'an intent' : `${count} intents`,
    found: `not all within ${gapMs / 1_000} s of later ones`,
  }
}

const PLACE = /^(\S+), numbers? (\d+)(?: to (\d+))?$/

/** The gaps that are open findings, as they were when they were told. */
export async function readToldGaps(db: Knex): Promise<Gap[]> {
  const rows = await db<{ kind: string; place: string; cleared_at: Date | null }>('audit_findings')
    .where({ kind: 'intents-missing' })
    .whereNull('cleared_at')
    .select('place')
  return rows.flatMap(({ place }) => {
    const [, source, first, last = first] = PLACE.exec(place) ?? []
    return source === undefined ? [] : [{ source, first: Number(first), last: Number(last) }]
  })
}

/** Whether `inner` lies within `outer`. */
export function covers(outer: Gap, inner: Gap): boolean {
  return outer.source === inner.source && outer.first <= inner.first && outer.last >= inner.last
}

export function givenUpFinding({ source, givenUp }: SourceGaps): Finding {
  return {
    kind: 'intents-missing',
    place: `${source}, in more than ${GAPS_MAX} places`,
    expected: 'numbers without gaps',
    found: `${givenUp} more were missing when they became too many to tell`,
  }
}

export function outcomeFinding({ source, id, index }: OpenIntent, outcomeMs: number): Finding {
  return {
    kind: 'outcome-missing',
    place: `intent ${source}/${id} at entry ${index}`,
    expected: `an outcome within ${outcomeMs / 1_000} s`,
    found: 'none',
  }
}
