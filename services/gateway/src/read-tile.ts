import { getTile } from '@mumega/contracts/audit-ledger'
import type { CallContext } from '@mumega/contracts/scalars'
import type { TileName } from '@mumega/tlog/tiles'
import type { Gateway } from './app.ts'

/** A tile or bundle of the signed log. @throws audit-ledger.tile-not-found */
export async function readTile(
  { bus }: Gateway,
  context: CallContext,
  tile: TileName,
): Promise<Buffer> {
  const parts: Buffer[] = []
  let offset = 0
  for (;;) {
    const { part, totalBytes } = await bus.request(getTile, { ...tile, offset }, { context })
    const bytes = Buffer.from(part, 'base64')
    parts.push(bytes)
    offset += bytes.length
    if (offset >= totalBytes) return Buffer.concat(parts)
    if (bytes.length === 0) throw new Error('a part of a tile came without bytes')
  }
}
