import { findHolders, findLockTests, listLocks } from './lock-list.ts'
import { MUTATIONS } from './mutations.ts'
import { prove } from './prove.ts'

const say = (line = '') => process.stdout.write(`${line}\n`)

/** `npm run locks`: the LOCK table. `npm run locks -- --prove [LOCK-ID …]`: the proof. */
function main(words: readonly string[]): number {
  const ids = words.filter((word) => word.startsWith('LOCK-'))
  const unknown = words.filter((word) => !word.startsWith('LOCK-') && word !== '--prove')
  if (unknown.length > 0) {
    say(`Unknown: ${unknown.join(' ')}. Usage: npm run locks -- [--prove [LOCK-ID …]]`)
    return 2
  }
  return words.includes('--prove') ? sayProofs(ids) : sayTable(ids)
}

function sayTable(ids: readonly string[]): number {
  const holders = findHolders()
  const tests = findLockTests()
  let bare = 0
  for (const { id, rule } of listLocks()) {
    if (ids.length > 0 && !ids.includes(id)) continue
    const held = holders.get(id) ?? []
    const proving = tests.filter((test) => test.id === id)
    const guards = MUTATIONS.filter(({ lock }) => lock === id)
    say(`${id}  ${rule}`)
    for (const file of held) say(`  held in    ${file}`)
    for (const { file, title } of proving) say(`  tested by  ${file}: ${title}`)
    for (const { guard } of guards) say(`  proved     without ${guard}`)
    say()
    if (held.length === 0 || proving.length === 0 || guards.length === 0) bare += 1
  }
  if (bare > 0) say(`${bare} without a holder, a test or a guard to take away.`)
  return bare > 0 ? 1 : 0
}

function sayProofs(ids: readonly string[]): number {
  const proofs = prove(ids, say)
  const failed = proofs.filter(({ isProved }) => !isProved)
  say()
  say(`${proofs.length - failed.length} of ${proofs.length} guards are proved by their tests.`)
  return failed.length > 0 || proofs.length === 0 ? 1 : 0
}

process.exitCode = main(process.argv.slice(2))
