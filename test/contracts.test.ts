import { describe, expect, test } from '@jest/globals'
import { domainOf } from '@mumega/contracts/define'
import { SERVICES } from '@mumega/contracts/topology'
import ts from 'typescript'
import { isRequest, listContracts, type AnyContract, type Listed } from './contract-list.ts'
import { calledName, nodesOf, parse, placeOf } from './syntax.ts'
import { isShipped, listFiles } from './tree.ts'

const contracts = await listContracts()
const requests = contracts.filter(isRequest)
const facts = contracts.filter(({ contract }) => contract.subject.startsWith('evt.'))

interface Use {
  /** The folder below services/ or packages/. */
  owner: string
  /** `serve`, `outgoing`, `publish` … */
  call: string
  /** The name of the contract, or of the function that makes it. */
  contract: string
  place: string
}

// Every call whose first argument is a name, or is made by calling one:
// `bus.serve(healthOf('bridge'), …)`.
function usesIn(file: string): Use[] {
  const owner = file.split('/')[1] ?? ''
  return nodesOf(parse(file))
    .filter((node) => ts.isCallExpression(node))
    .flatMap((node) => {
      const call = calledName(node)
      const contract = node.arguments[0] && contractNamed(node.arguments[0])
      if (call === undefined || contract === undefined) return []
      return [{ owner, call, contract, place: placeOf(node) }]
    })
}

// `sendMessage`, `contracts.sendMessage`, `sendMessage.subject` and `healthOf('bridge')`.
function contractNamed(node: ts.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text
  if (ts.isCallExpression(node)) return contractNamed(node.expression)
  if (!ts.isPropertyAccessExpression(node)) return undefined
  return node.name.text === 'subject' ? contractNamed(node.expression) : node.name.text
}

const uses = listFiles()
  .filter((file) => isShipped(file) && file.endsWith('.ts'))
  .flatMap(usesIn)

const kebab = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const subjectsOf = (listed: readonly Listed<AnyContract>[]) =>
  listed.map(({ contract }) => contract.subject)

describe('the contracts of the bus', () => {
  test('every subject has four tokens: kind, domain, version and a kebab-case name', () => {
    const grammar = /^(rpc|evt|aud|bus|wake)\.[a-z][a-z0-9-]*\.v[1-9][0-9]*\.[a-z][a-z0-9-]*$/

    expect(subjectsOf(contracts).filter((subject) => !grammar.test(subject))).toEqual([])
    expect(subjectsOf(requests).every((subject) => subject.startsWith('rpc.'))).toBe(true)
    expect(contracts.length).toBeGreaterThan(0)
  })

  test('no two contracts share a subject', () => {
    const subjects = subjectsOf(contracts)
    const twice = subjects.filter((subject, index) => subjects.indexOf(subject) !== index)

    expect(twice).toEqual([])
  })

  test('the domain of a subject is a service, and not another than its file is named after', () => {
    const lost = contracts.filter(({ module, service, contract }) => {
      const domain = domainOf(contract.subject)
      // A file named after a topic may hold contracts of several services.
      const owner = service ?? (SERVICES.includes(module) ? module : domain)
      return !SERVICES.includes(domain) || domain !== owner
    })

    expect(subjectsOf(lost)).toEqual([])
  })

  test('a request and a fact are called as the last token of their subjects', () => {
    const plain = [...requests, ...facts].filter(({ service }) => service === undefined)
    const other = plain.filter(
      ({ name, contract }) => !contract.subject.endsWith(`.${kebab(name)}`),
    )

    expect(subjectsOf(other)).toEqual([])
  })

  test('every request is served once, by the service of its domain', () => {
    const wrong = requests
      .filter(({ name, service }) => service === undefined || !isServedByBus(name))
      .map(({ name, contract }) => ({ subject: contract.subject, name }))
      .filter(({ subject, name }) => {
        const serving = uses.filter(({ call, contract }) => call === 'serve' && contract === name)
        const own = serving.filter(({ owner }) => owner === domainOf(subject))
        const strangers = serving.filter(({ owner }) => !SERVICES.includes(owner))
        const isShared = requests.filter((request) => request.name === name).length > 1
        return own.length !== 1 || strangers.length > 0 || (!isShared && serving.length !== 1)
      })

    expect(wrong).toEqual([])
  })

  test('every fact is published by the service of its domain', () => {
    const published = new Set(['outgoing', 'publish'])
    const silent = facts
      .filter(({ service }) => service === undefined)
      .filter(({ name, contract }) => {
        const sending = uses.filter((use) => published.has(use.call) && use.contract === name)
        return !sending.some(({ owner }) => owner === domainOf(contract.subject))
      })

    expect(subjectsOf(silent)).toEqual([])
  })
})

// What every consumer needs, the bus serves for each service by itself.
function isServedByBus(name: string): boolean {
  return uses.some((use) => use.owner === 'bus' && use.call === 'serve' && use.contract === name)
}
