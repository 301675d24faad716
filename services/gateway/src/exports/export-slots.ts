import { tooManyExports } from '../errors.ts'
import type { Token } from '../token.ts'

// Of one process. A slow reader holds its place for as long as it reads.
const EXPORTS_MAX = 8
// The tenants of agents leave room for the operators.
const EXPORTS_OF_AGENTS_MAX = 6
const EXPORTS_OF_TENANT_MAX = 2
const EXPORTS_OF_OPERATOR_MAX = 4

type Exporter = Pick<Token, 'kind' | 'tenantId' | 'rootTokenId'>

/** The places for the exports that one process makes at once. */
export interface ExportSlots {
  /**
   * Takes a place until the returned function is called. No tenant of agents gets more than its
   * share, whichever of its tokens asks, and no operator's token with those delegated from it more
   * than half of all.
   *
   * @throws gateway.too-many-exports naming the limit
   */
  take(exporter: Exporter): () => void
}

export function openExportSlots(): ExportSlots {
  const underWay = new Set<Exporter>()

  function count(isOf: (each: Exporter) => boolean): number {
    return [...underWay].filter(isOf).length
  }

  function check({ kind, tenantId, rootTokenId }: Exporter): void {
    if (kind === 'operator') {
      const own = count((each) => each.rootTokenId === rootTokenId)
      if (own >= EXPORTS_OF_OPERATOR_MAX) throw tooManyExports('of this token', own)
    } else {
      const own = count((each) => each.kind !== 'operator' && each.tenantId === tenantId)
      if (own >= EXPORTS_OF_TENANT_MAX) throw tooManyExports('of this tenant', own)
      const agents = count((each) => each.kind !== 'operator')
      if (agents >= EXPORTS_OF_AGENTS_MAX) throw tooManyExports('of agents', agents)
    }
    if (underWay.size >= EXPORTS_MAX) throw tooManyExports('of this gateway', underWay.size)
  }

  return {
    take({ kind, tenantId, rootTokenId }) {
      const exporter = { kind, tenantId, rootTokenId }
      check(exporter)
      underWay.add(exporter)
      return () => {
        underWay.delete(exporter)
      }
    },
  }
}
