import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { defineRequest, type RequestOf } from '@mumega/contracts/define'
import { AgentName, Uuid } from '@mumega/contracts/scalars'
import { Type } from 'typebox'

// Ours, with the checks of every service, and with its user where the server has users. `order`
// says which side this is.

/** What this process is told of its side. */
export interface BusOrder {
  readonly natsUrl: string
  /** Absent on a server that is open to everybody. */
  readonly seed?: string
}

const benchEcho = defineRequest({
  subject: 'rpc.bridge.v1.bench-echo',
  request: Type.Object({ id: Uuid, to: AgentName, text: Type.String({ minLength: 1 }) }),
  reply: Type.Object({ id: Uuid, status: Type.Literal('queued') }),
  errors: [],
  timeoutMs: 10_000,
})

const CONTEXT = { tenantId: 'acme', actor: { id: 'agent:bench', kind: 'agent' as const } }

const open = ({ natsUrl, seed: nkeySeed }: BusOrder, service: string) =>
  connectBus({
    natsUrl,
    ...(nkeySeed === undefined ? {} : { nkeySeed }),
    service,
    clock: systemClock,
  })

export async function serve(order: BusOrder): Promise<void> {
  const bus = await open(order, 'bridge')
  bus.serve(benchEcho, ({ id }) => Promise.resolve({ id, status: 'queued' as const }))
  await bus.roundTripMs()
}

export async function connect(
  order: BusOrder,
): Promise<(request: RequestOf<typeof benchEcho>) => Promise<{ id: string }>> {
  const bus = await open(order, 'gateway')
  return (request) => bus.request(benchEcho, request, { context: CONTEXT })
}
