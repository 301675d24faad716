import type { Knex } from '@mumega/db'
import type { Finding } from '../scrubbing/finding.ts'
import { GAPS_MAX, type Gap, type Reuse, type SourceGaps } from './gap-repository.ts'
import type { OpenIntent } from './open-intent-repository.ts'

/**
 * Numbers of a gap that is narrow. A wider one is rather one wrong number than so many intents that
 * were lost: what is lost later, where the producer really is, lies in it and is told by itself.
 */
const NARROW_MAX = 1_000_000

export function gapFinding(gap: Gap, gapMs: number): Finding {
  const { source, first, last } = gap
  const count = last - first + 1
  const notWithin = `not all within ${gapMs / 1_000} s of later ones`
  return {
    kind: 'intents-missing',
    place: count === 1 ? `${source}, number ${first}` : `${source}, numbers ${first} to ${last}`,
    expected: count === 1 ? 'an intent' : `${count} intents`,
    found: isWide(gap) ? `${notWithin}; the later one may have a wrong number` : notWithin,
  }
}

function isWide({ first, last }: Gap): boolean {
  return last - first >= NARROW_MAX
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

/** Whether `inner` is what is left of `outer`: of a wide one, what is wide or has the same end. */
export function covers(outer: Gap, inner: Gap): boolean {
  return (
    outer.source === inner.source &&
    outer.first <= inner.first &&
    outer.last >= inner.last &&
    (!isWide(outer) || isWide(inner) || outer.last === inner.last)
  )
}

export function givenUpFinding({ source, givenUp }: SourceGaps): Finding {
  return {
    kind: 'intents-missing',
    place: `${source}, in more than ${GAPS_MAX} places`,
    expected: 'numbers without gaps',
    found: `${givenUp} more were missing when they became too many to tell`,
  }
}

/** Told once: from then on a lost intent may have had a number that is in the log. */
export function reuseFinding(source: string, { number, index }: Reuse): Finding {
  return {
    kind: 'numbers-reused',
    place: `${source}, number ${number} at entry ${index}`,
    expected: 'a number that no earlier intent of this producer had',
    found: 'one that is in the log: it counts anew, or two count under one name',
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
