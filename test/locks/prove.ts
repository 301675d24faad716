import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../tree.ts'
import { compiled, findLockTests, type LockTest } from './lock-list.ts'
import type { Mutation } from './mutation.ts'
import { MUTATIONS } from './mutations.ts'
import { Scratch } from './scratch.ts'

export interface Proof {
  mutation: Mutation
  /** Whether the LOCK's tests passed with the guard and one of them failed without it. */
  isProved: boolean
  /** The tests that failed, or why nothing was proved. */
  because: string
}

/** Takes every guard away, one at a time and in a copy, and sees which tests notice. */
export function prove(ids: readonly string[], say: (line: string) => void): Proof[] {
  const wanted = MUTATIONS.filter(({ lock }) => ids.length === 0 || ids.includes(lock))
  const ground = { tests: findLockTests(), scratch: new Scratch() }
  try {
    const proofs: Proof[] = []
    const healthy = new Map<string, string>()
    for (const mutation of wanted) {
      const { lock } = mutation
      if (!healthy.has(lock)) healthy.set(lock, whyUnhealthy(ground, lock))
      const trouble = healthy.get(lock) ?? ''
      const proof =
        trouble === ''
          ? proveOne(ground, mutation)
          : { mutation, isProved: false, because: trouble }
      say(`${proof.isProved ? 'proved' : 'NOT PROVED'}  ${lock} without ${mutation.guard}`)
      say(`            ${proof.because}`)
      proofs.push(proof)
    }
    return proofs
  } finally {
    ground.scratch.remove()
  }
}

interface Ground {
  scratch: Scratch
  /** As the tree was when it was copied. */
  tests: readonly LockTest[]
}

function testsOf({ tests }: Ground, lock: string): string[] {
  return [...new Set(tests.filter(({ id }) => id === lock).map(({ file }) => file))]
}

// A test that fails with the guard in place proves nothing by failing without it.
function whyUnhealthy(ground: Ground, lock: string): string {
  const { scratch } = ground
  const tests = testsOf(ground, lock)
  if (tests.length === 0) return 'no test names it'
  scratch.build(projectsOf(tests))
  const verdict = scratch.test(tests.map(compiled), lock)
  if (verdict.trouble !== '') return `its tests cannot be run: ${verdict.trouble}`
  if (verdict.failed.length > 0) return `fails even with the guard: ${verdict.failed.join('; ')}`
  return verdict.passed === 0 ? 'no test was run' : ''
}

function proveOne(ground: Ground, mutation: Mutation): Proof {
  const { scratch } = ground
  const { lock, edits } = mutation
  const files = [...new Set(edits.map(({ file }) => file))]
  const wholes = files.map((file) => ({ file, text: scratch.read(file) }))
  const lost = edits.find(({ file, find }) => scratch.read(file).split(find).length !== 2)
  if (lost) {
    return { mutation, isProved: false, because: `${lost.file} does not hold the guard once` }
  }
  const tests = testsOf(ground, lock)
  const projects = [...new Set([...projectsOf(files), ...projectsOf(tests)])]
  try {
    const trouble = breakGuard(scratch, mutation, projects)
    if (trouble !== '') return { mutation, isProved: false, because: trouble }
    const verdict = scratch.test(tests.map(compiled), lock)
    if (verdict.failed.length > 0) {
      return { mutation, isProved: true, because: verdict.failed.join('; ') }
    }
    const because = verdict.trouble === '' ? 'every test still passes' : verdict.trouble
    return { mutation, isProved: false, because }
  } finally {
    for (const { file, text } of wholes) scratch.write(file, text)
    scratch.build(projects)
  }
}

/** Takes the guard away and compiles; what went wrong with that, or nothing. */
function breakGuard(scratch: Scratch, { edits }: Mutation, projects: readonly string[]): string {
  for (const { file, find, replace } of edits) {
    scratch.write(
      file,
      scratch.read(file).replace(find, () => replace),
    )
  }
  const sources = [...new Set(edits.map(({ file }) => file))].filter((file) => file.endsWith('.ts'))
  const before = sources.map((file) => scratch.read(compiled(file)))
  if (sources.length === 0) return ''
  // Loose ends, for instance an import that nobody uses any more, are no reason not to run it.
  const complaint = scratch.build(projects)
  const isStale = sources.some((file, nth) => scratch.read(compiled(file)) === before[nth])
  return isStale ? `it was not compiled: ${complaint}` : ''
}

/** The TypeScript projects that hold these files. */
function projectsOf(files: readonly string[]): string[] {
  return [...new Set(files.filter((file) => file.endsWith('.ts')).map(projectOf))]
}

function projectOf(file: string): string {
  let folder = dirname(file)
  while (!existsSync(join(ROOT, folder, 'tsconfig.json'))) folder = dirname(folder)
  return folder
}
