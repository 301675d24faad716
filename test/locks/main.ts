import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readText, ROOT } from '../tree.ts'
import { findHolders, findLockTests, listLocks } from './lock-list.ts'
import { MUTATIONS } from './mutations.ts'
import { prove } from './prove.ts'

const say = (line = '') => process.stdout.write(`${line}\n`)

/**
 * `npm run locks`: the LOCK table. `-- --prove [LOCK-ID …]`: takes each guard away and sees its
 * tests fail. `-- --list`: writes anew which files docs/locks.md names.
 */
function main(words: readonly string[]): number {
  const ids = words.filter((word) => word.startsWith('LOCK-'))
  const [way, ...rest] = words.filter((word) => !word.startsWith('LOCK-'))
  if (rest.length === 0 && way === undefined) return sayTable(ids)
  if (rest.length === 0 && way === '--prove') return sayProofs(ids)
  if (rest.length === 0 && way === '--list') return writeList()
  say('Usage: npm run locks -- [--prove [LOCK-ID …] | --list]')
  return 2
}

function writeList(): number {
  const proving = findLockTests()
  const holders = findHolders()
  const rows = listLocks().map(({ id, rule }) => {
    const tests = new Set(proving.filter((proof) => proof.id === id).map(({ file }) => file))
    const cells = [holders.get(id) ?? [], [...tests].sort()].map((files) =>
      files.map((file) => `\`${file}\``).join('<br>'),
    )
    return `| ${id} | ${rule} | ${cells.join(' | ')} |`
  })
  const file = join(ROOT, 'docs/locks.md')
  const [head = ''] = readText('docs/locks.md').split('\n| LOCK')
  const table = ['| LOCK | rule | held in | proved by |', '| --- | --- | --- | --- |', ...rows]
  writeFileSync(file, `${head}\n${table.join('\n')}\n`)
  return spawnSync(join(ROOT, 'node_modules/.bin/prettier'), ['--write', file]).status ?? 1
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
    for (const { guard } of guards) say(`  take away   ${guard}`)
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
