import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { NotHere } from '../interop/finding.ts'
import { buildHammer, growthRate, runHammer, type Started } from '../interop/hammer.ts'
import { buildTesseraServer, startTesseraServer } from '../interop/tessera-server.ts'

/** Events a second, or why they could not be measured here. */
export type Rate = number | { readonly skipped: string }

// The issue's: as many as kept Tessera busy; and each leaf once, so that each is one entry.
const ORDER = { writers: 512, leafBytes: 512, dupChance: 0, runSeconds: 11 } as const

/** What `measure` gives, or that its tool cannot be had. */
export async function rateOf(measure: () => Promise<number>): Promise<Rate> {
  try {
    return await measure()
  } catch (error) {
    if (!(error instanceof NotHere)) throw error
    return { skipped: error.message }
  }
}

/**
 * Leaves a second that Tessera's hammer brings into a log in one run. Every log gets the same
 * hammer: writers that wait for their answer, and readers beside them.
 *
 * @throws NotHere
 */
export async function hammer({ log }: Started): Promise<number> {
  const program = await buildHammer()
  return growthRate(log, runHammer(program, log, ORDER))
}

/** The same of Tessera's own server, on a fresh log in `folder`. @throws NotHere */
export async function hammerTessera(
  folder: string,
  { hasAntispam }: { hasAntispam: boolean },
): Promise<number> {
  const server = await startTesseraServer(await buildTesseraServer(), {
    folder: mkdtempSync(join(folder, 'tessera-')),
    hasAntispam,
  })
  try {
    return await hammer(server)
  } finally {
    await server.stop()
  }
}

/** The mean, or why one of them could not be measured. */
export function meanOf(rates: readonly Rate[]): Rate {
  const numbers = rates.filter((rate) => typeof rate === 'number')
  const skipped = rates.find((rate) => typeof rate !== 'number')
  return skipped ?? numbers.reduce((sum, rate) => sum + rate, 0) / numbers.length
}
