import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { AppError, isErrorKind } from '@mumega/errors'
import { SERVICES } from '@mumega/contracts/topology'
import ts from 'typescript'
import { isRequest, listContracts } from './contract-list.ts'
import { nodesOf, parse, stringOf } from './syntax.ts'
import { isShipped, listFiles, readText, ROOT } from './tree.ts'

// Codes that any request may answer with, or that never travel: no contract lists them.
const EVERYWHERE = /^(agent-sdk|bus|config|db|gateway|local)\./
// These end a service before it serves anything.
const AT_START = new Set([
  'audit-ledger.anchor-bucket-unusable',
  'audit-ledger.anchor-dir-unusable',
  'audit-ledger.checkpoint-file-unusable',
  'audit-ledger.key-unusable',
  'audit-ledger.schema-differs',
  'audit-ledger.policy-unusable',
  'audit-ledger.tsa-unusable',
])
// These go into the headers of a topic's dead letters, and no request is answered with them.
const IN_DEAD_LETTERS = /^bridge\.record-/

const DOMAINS = new Set([
  ...SERVICES,
  ...listFiles().flatMap((file) => /^packages\/([^/]+)\//.exec(file)?.[1] ?? []),
])
// Its words are OpenTelemetry's attributes, `service.name`; the package makes no errors of its own.
DOMAINS.delete('service')
const isCode = (text: string) =>
  /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/.test(text) && DOMAINS.has(text.split('.')[0] ?? '')

const shipped = listFiles()
  .filter((file) => isShipped(file) && file.endsWith('.ts'))
  .filter((file) => !file.startsWith('packages/contracts/'))
const nodes = shipped.flatMap((file) => nodesOf(parse(file)))
const named = new Set(nodes.map((node) => stringOf(node) ?? '').filter(isCode))

interface Documented {
  code: string
  kind: string
  status: number
  meaning: string
  remedy: string
}

// | `bridge.inbox-full` | conflict | 409 | … | … |
const documented: Documented[] = readText('docs/errors.md')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, code]) => /^`.+`$/.test(code ?? ''))
  .map(([, code = '', kind = '', status, meaning = '', remedy = '']) => {
    return { code: code.slice(1, -1), kind, status: Number(status), meaning, remedy }
  })
const documentedCodes = new Set(documented.map(({ code }) => code))

const contracts = await listContracts()
const promised = new Set(contracts.filter(isRequest).flatMap(({ contract }) => contract.errors))

const missing = (wanted: Iterable<string>, from: ReadonlySet<string>) =>
  [...new Set(wanted)].filter((code) => !from.has(code)).sort()

describe('the error codes', () => {
  test('every code in the code is explained, and every explained code is in the code', () => {
    expect(missing(named, documentedCodes)).toEqual([])
    expect(missing(documentedCodes, named)).toEqual([])
    expect(documented).toHaveLength(documentedCodes.size)
  })

  test('every code of a contract is made somewhere, and every made one is in a contract', () => {
    const own = [...named].filter(
      (code) => !EVERYWHERE.test(code) && !IN_DEAD_LETTERS.test(code) && !AT_START.has(code),
    )

    expect(missing(promised, named)).toEqual([])
    expect(missing(own, promised)).toEqual([])
  })

  test('every code says its kind, what happened and what the caller does', () => {
    const poor = documented.filter(
      ({ kind, meaning, remedy }) => !isErrorKind(kind) || meaning === '' || remedy === '',
    )

    expect(poor).toEqual([])
  })

  test('the kind that is explained is the kind that is thrown', () => {
    const kinds = new Map(documented.map(({ code, kind }) => [code, kind]))
    const other = nodes
      .filter((node) => ts.isNewExpression(node) && node.expression.getText() === 'AppError')
      .map((node) => (node as ts.NewExpression).arguments?.map((one) => stringOf(one)) ?? [])
      .filter(([code, kind]) => code !== undefined && kind !== undefined)
      .filter(([code, kind]) => kinds.get(code ?? '') !== kind)

    expect(other).toEqual([])
  })

  test('the status that is explained is the status that is answered', async () => {
    const url = pathToFileURL(join(ROOT, 'services/gateway/dist/src/problem-codes.js'))
    const { PROBLEM_STATUS } = (await import(url.href)) as {
      PROBLEM_STATUS: Record<string, number>
    }
    const statuses = new Map(documented.map(({ code, status }) => [code, status]))
    const answered = Object.entries(PROBLEM_STATUS)
    const others = documented.filter(({ code }) => !(code in PROBLEM_STATUS))

    expect(answered.filter(([code, status]) => statuses.get(code) !== status)).toEqual([])
    expect(
      others.filter(
        ({ code, kind, status }) =>
          !isErrorKind(kind) || new AppError(code, kind, '').status !== status,
      ),
    ).toEqual([])
  })

  test('no code is put together from pieces, so that each can be found', () => {
    const made = nodes
      .filter((node) => ts.isNewExpression(node) && node.expression.getText() === 'AppError')
      .map((node) => (node as ts.NewExpression).arguments?.[0])
      .filter((code) => code !== undefined && ts.isTemplateExpression(code))

    expect(made.map((code) => code?.getText())).toEqual([])
  })
})
