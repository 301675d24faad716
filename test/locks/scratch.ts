import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { listFiles, ROOT } from '../tree.ts'

const COMMAND_MS_MAX = 300_000

/** What Jest said of the tests that were asked for. */
export interface Verdict {
  passed: number
  failed: string[]
  /** Why not even a test could be run; empty when they ran. */
  trouble: string
}

/** A copy of the project in a folder of its own, to be broken without harm. */
export class Scratch {
  readonly folder: string

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'mumega-locks-'))
    for (const file of listFiles()) this.#copy(file)
    for (const folder of workspaceFolders()) {
      for (const part of ['node_modules', 'dist']) {
        if (existsSync(join(ROOT, folder, part))) this.#copy(join(folder, part))
      }
    }
    // The workspace's own packages are links beside each other, so they lead into the copy; what
    // was installed is shared.
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'))
  }

  #copy(name: string): void {
    const to = join(this.folder, name)
    mkdirSync(dirname(to), { recursive: true })
    cpSync(join(ROOT, name), to, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    })
  }

  read(file: string): string {
    return existsSync(join(this.folder, file)) ? readFileSync(join(this.folder, file), 'utf8') : ''
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text)
  }

  /**
   * Compiles these folders; what the compiler complains of, since a removed guard leaves loose
   * ends.
   */
  build(folders: readonly string[]): string {
    const run = this.#run(['node_modules/typescript/bin/tsc', '-b', ...folders])
    if (run.status !== 0) return run.stdout
    // What the processes of a test run.
    const bundling = this.#run(['scripts/bundle.mjs'])
    return bundling.status === 0 ? '' : bundling.stderr
  }

  /** Runs the tests of these compiled files whose names hold `id`. */
  test(files: readonly string[], id: string): Verdict {
    const report = join(this.folder, 'jest-report.json')
    rmSync(report, { force: true })
    const run = this.#run([
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      ...['--runTestsByPath', ...files],
      ...['--testNamePattern', `${id}(?![0-9])`],
      ...['--json', '--outputFile', report],
    ])
    if (!existsSync(report)) return { passed: 0, failed: [], trouble: run.stderr.slice(-2_000) }
    return verdictOf(JSON.parse(readFileSync(report, 'utf8')) as JestReport)
  }

  #run(args: readonly string[]) {
    return spawnSync(process.execPath, args, {
      cwd: this.folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1_048_576,
      timeout: COMMAND_MS_MAX,
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function workspaceFolders(): string[] {
  const below = (parent: string) =>
    readdirSync(join(ROOT, parent)).map((name) => join(parent, name))
  return [...below('packages'), ...below('services'), 'test']
}

interface JestReport {
  numPassedTests: number
  testResults: {
    message: string
    assertionResults: { status: string; fullName: string }[]
  }[]
}

function verdictOf(report: JestReport): Verdict {
  const failed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  )
  const silent = report.testResults.filter(({ assertionResults }) => assertionResults.length === 0)
  return {
    passed: report.numPassedTests,
    failed,
    trouble: silent.map(({ message }) => message).join('\n'),
  }
}
