import ts from 'typescript'
import { calledName, nodesOf, parse, stringOf } from '../syntax.ts'
import { isShipped, isTest, listFiles, readText } from '../tree.ts'

/** The shape of every LOCK's id: `LOCK-MON-1`, `LOCK-S024-F-2`. */
const LOCK_ID = /LOCK-(?:[A-Z][A-Z0-9]*-)+[0-9]+/g

export interface Lock {
  id: string
  rule: string
  /** Files of shipped code, and of tests, that the list names. */
  heldIn: string[]
  provedBy: string[]
}

export interface LockTest {
  id: string
  file: string
  title: string
}

/**
 * The list of docs/locks.md: `| LOCK-MON-1 | rule | files that hold it | files that prove it |`.
 */
export function listLocks(): Lock[] {
  return readText('docs/locks.md')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, id]) => id !== undefined && new RegExp(`^${LOCK_ID.source}$`).test(id))
    .map(([, id = '', rule = '', heldIn = '', provedBy = '']) => {
      return { id, rule, heldIn: filesOf(heldIn), provedBy: filesOf(provedBy) }
    })
}

function filesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file).sort()
}

/** In which shipped files each LOCK's id stands. */
export function findHolders(): Map<string, string[]> {
  const holders = new Map<string, string[]>()
  for (const file of listFiles().filter((name) => isShipped(name))) {
    for (const id of new Set(readText(file).match(LOCK_ID))) {
      holders.set(id, [...(holders.get(id) ?? []), file].sort())
    }
  }
  return holders
}

/** Every test whose own title names a LOCK. */
export function findLockTests(): LockTest[] {
  return listFiles()
    .filter((file) => isTest(file) && file.endsWith('.test.ts'))
    .flatMap((file) => testsIn(file))
}

function testsIn(file: string): LockTest[] {
  if (!readText(file).includes('LOCK-')) return []
  return nodesOf(parse(file))
    .filter((node) => ts.isCallExpression(node))
    .filter((call) => isTestCall(call))
    .flatMap((call) => {
      const title = call.arguments[0] && stringOf(call.arguments[0])
      const ids = new Set(title?.match(LOCK_ID))
      return [...ids].map((id) => ({ id, file, title: title ?? '' }))
    })
}

// `test('…', …)` and `test.each(…)('…', …)`.
function isTestCall(call: ts.CallExpression): boolean {
  const { expression } = call
  if (!ts.isCallExpression(expression)) return /^(test|it)$/.test(calledName(call) ?? '')
  const inner = expression.expression
  return ts.isPropertyAccessExpression(inner) && /^(test|it)$/.test(inner.expression.getText())
}

/** What the compiler makes of a test: the file that Jest runs. */
export function compiled(file: string): string {
  const inFolder = /^((?:packages|services)\/[^/]+)\/(.*)\.ts$/.exec(file)
  if (inFolder) return `${inFolder[1] ?? ''}/dist/${inFolder[2] ?? ''}.js`
  return file.replace(/^test\/(.*)\.ts$/, 'test/dist/$1.js')
}
