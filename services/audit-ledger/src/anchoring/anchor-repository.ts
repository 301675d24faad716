import type { Knex } from '@mumega/db'

/** An anchor as it is copied: its note, and the root that stands beside it. */
export interface CopiedAnchor {
  readonly anchor: number
  readonly root: Buffer
  readonly note: string
}

/** The number of the newest anchor; 0 before the first. */
export async function findNewestAnchor(db: Knex): Promise<number> {
  const row = await db<{ anchor: string }>('audit_chain_anchors')
    .orderBy('anchor', 'desc')
    .first('anchor')
  return Number(row?.anchor ?? 0)
}

/** Anchors behind `after`, oldest first. */
export async function listAnchors(
  db: Knex,
  { after, limit }: { after: number; limit: number },
): Promise<CopiedAnchor[]> {
  const rows = await db<{ anchor: string; root: Buffer; note: string }>('audit_chain_anchors')
    .where('anchor', '>', String(after))
    .orderBy('anchor')
    .limit(limit)
    .select('anchor', 'root', 'note')
  return rows.map(({ anchor, root, note }) => ({ anchor: Number(anchor), root, note }))
}
