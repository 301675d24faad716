import type { ObjectiveContent } from '@mumega/contracts/objective-content'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'

/** What an objective may say. */
export const CONTENT: ObjectiveContent = {
  title: 'Strangers pay for what we do',
  owner: 'kasra',
  period: { from: '2026-10-01', to: '2026-12-31' },
  keyResults: [
    {
      ...{ keyResultId: 'paying', title: 'Tenants that pay', unit: 'tenants' },
      ...{ baseline: 3, target: 10, direction: 'increase' },
      formula: { kind: 'count', of: { kinds: ['payment'] } },
    },
  ],
}

const WITH_OBJECTIVES = ['audit-ledger', 'bridge', 'objectives', 'gateway']

/** The API with a tenant and one agent of it. */
export async function startApiWithAgent(
  services: readonly string[] = WITH_OBJECTIVES,
): Promise<{ api: Api; tenantId: string; kasra: string }> {
  const api = await startApi({}, { services })
  const tenantId = await givenTenant(api)
  return { api, tenantId, kasra: await givenAgent(api, tenantId, 'kasra') }
}
