import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../tree.ts'
import { compiled, findLockTests } from './lock-list.ts'
import { MUTATIONS, type Mutation } from './mutations.ts'
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
  const scratch = new Scratch()
  try {
    const proofs: Proof[] = []
    const healthy = new Map<string, string>()
    for (const mutation of wanted) {
      const { lock } = mutation
      if (!healthy.has(lock)) healthy.set(lock, whyUnhealthy(scratch, lock))
      const trouble = healthy.get(lock) ?? ''
      const proof =
        trouble === ''
          ? proveOne(scratch, mutation)
          : { mutation, isProved: false, because: trouble }
      say(`${proof.isProved ? 'proved' : 'NOT PROVED'}  ${lock} without ${mutation.guard}`)
      say(`            ${proof.because}`)
      proofs.push(proof)
    }
    return proofs
  } finally {
    scratch.remove()
  }
}

function testsOf(lock: string): string[] {
  return [
    ...new Set(
      findLockTests()
        .filter(({ id }) => id === lock)
        .map(({ file }) => file),
    ),
  ]
}

// A test that fails with the guard in place proves nothing by failing without it.
function whyUnhealthy(scratch: Scratch, lock: string): string {
  const tests = testsOf(lock)
  if (tests.length === 0) return 'no test names it'
  scratch.build(projectsOf(tests))
  const verdict = scratch.test(tests.map(compiled), lock)
  if (verdict.trouble !== '') return `its tests cannot be run: ${verdict.trouble}`
  if (verdict.failed.length > 0) return `fails even with the guard: ${verdict.failed.join('; ')}`
  return verdict.passed === 0 ? 'no test was run' : ''
}

function proveOne(scratch: Scratch, mutation: Mutation): Proof {
  const { lock, file, find, replace } = mutation
  const whole = scratch.read(file)
  if (whole.split(find).length !== 2) {
    return { mutation, isProved: false, because: `${file} does not hold the guard's text once` }
  }
  const tests = testsOf(lock)
  const projects = [...new Set([...projectsOf([file]), ...projectsOf(tests)])]
  const before = scratch.read(compiled(file))
  scratch.write(
    file,
    whole.replace(find, () => replace),
  )
  try {
    const complaint = file.endsWith('.ts') ? scratch.build(projects) : ''
    if (file.endsWith('.ts') && scratch.read(compiled(file)) === before) {
      return { mutation, isProved: false, because: `it was not compiled: ${complaint}` }
    }
    const { failed, trouble } = scratch.test(tests.map(compiled), lock)
    if (failed.length > 0) return { mutation, isProved: true, because: failed.join('; ') }
    const because = trouble === '' ? 'every test still passes' : `no test was run: ${trouble}`
    return { mutation, isProved: false, because }
  } finally {
    scratch.write(file, whole)
    if (file.endsWith('.ts')) scratch.build(projects)
  }
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
