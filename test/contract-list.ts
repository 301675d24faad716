import type { EventContract, RequestContract } from '@mumega/contracts/define'
import { SERVICES } from '@mumega/contracts/topology'
import { listFiles } from './tree.ts'

export interface Listed<Contract> {
  /** The file in packages/contracts/src, without its ending. */
  module: string
  /** The exported name. */
  name: string
  /** The service that a contract made by a function is for. */
  service?: string
  contract: Contract
}

export type AnyContract = RequestContract | EventContract

// These hold how contracts are made and what they are made of, but no contract.
const NOT_CONTRACTS = new Set(['define', 'faults', 'scalars', 'topology', 'variants'])

/** Every contract that packages/contracts exports; those made by a function once per service. */
export async function listContracts(): Promise<Listed<AnyContract>[]> {
  const modules = listFiles()
    .flatMap((file) => /^packages\/contracts\/src\/([a-z-]+)\.ts$/.exec(file)?.[1] ?? [])
    .filter((module) => !NOT_CONTRACTS.has(module))
  const listed = await Promise.all(modules.map((module) => contractsOf(module)))
  return listed.flat()
}

async function contractsOf(module: string): Promise<Listed<AnyContract>[]> {
  const exported = (await import(`@mumega/contracts/${module}`)) as Record<string, unknown>
  return Object.entries(exported).flatMap(([name, value]): Listed<AnyContract>[] => {
    if (isContract(value)) return [{ module, name, contract: value }]
    if (typeof value !== 'function') return []
    const make = value as (service: string) => unknown
    return SERVICES.flatMap((service) => {
      const contract = make(service)
      return isContract(contract) ? [{ module, name, service, contract }] : []
    })
  })
}

function isContract(value: unknown): value is AnyContract {
  return typeof value === 'object' && value !== null && 'subject' in value
}

/** Whether a contract is a request, with a reply and errors. */
export function isRequest(listed: Listed<AnyContract>): listed is Listed<RequestContract> {
  return 'reply' in listed.contract
}
