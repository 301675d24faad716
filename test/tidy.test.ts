import { describe, expect, test } from '@jest/globals'
import { isTest, listFiles, readText } from './tree.ts'

interface Rule {
  /** The guarantee, as the end of "no file …". */
  name: string
  pattern: RegExp
  /** What must be caught: the proof that the pattern can. */
  example: string
  /** Where the rule holds; every file of code when absent. */
  holds?: (file: string) => boolean
}

// docs/schema is written by a program.
const isCode = (file: string) => /^(?!docs\/).*\.(ts|tsx|mjs|sql)$/.test(file)
const isSource = (file: string) => /^(packages|services)\/.*\.tsx?$/.test(file)
// This file holds the very words that it forbids.
const isThis = (file: string) => file === 'test/tidy.test.ts'
const isCodeBesideThis = (file: string) => isCode(file) && !isThis(file)
// Programs for people write to the terminal; everything else logs.
const isProgram = (file: string) => /^(packages\/(cli|local)|scripts|test)\//.test(file)

// What review would otherwise have to say again and again. Add a line here when it says it twice.
const RULES: readonly Rule[] = [
  {
    name: 'climbs out of its package: import it by its name',
    pattern: /^(import|export) .*from '\.\.\/\.\.\//m,
    example: `import { open } from '${'../'.repeat(2)}bus/src/bus.ts'`,
  },
  {
    name: 're-exports everything: export names from the module that defines them',
    pattern: /^export \* from/m,
    example: `export ${'*'} from './bus.ts'`,
  },
  {
    name: 'writes to the console: log, or let a program for people print',
    pattern: /\bconsole\.\w+\(/,
    example: `console${'.'}log(1)`,
    holds: (file) => isSource(file) && !isProgram(file),
  },
  {
    name: 'runs one test alone, or skips one',
    pattern: /\b(test|it|describe)\.(only|skip|todo|failing)\b|\bx(it|test|describe)\(/,
    example: `test${'.'}only('one', () => undefined)`,
    holds: (file) => /\.test\.ts$/.test(file),
  },
  {
    name: 'replaces one of our own parts in a test',
    pattern: /\bjest\.(mock|doMock|unstable_mockModule|spyOn|retryTimes)\(/,
    example: `jest${'.'}mock('./bus.ts')`,
  },
  {
    name: 'sleeps in a test: wait for what shall happen',
    pattern: /\bsleep\(|setTimeout\((resolve|done)\b/,
    example: `await new Promise((resolve) => setTimeout${'('}resolve, 100))`,
    holds: (file) => /\.test\.ts$/.test(file),
  },
  {
    name: 'leaves work for later without an issue',
    pattern: /\b(FIXME|XXX|HACK)\b|\bTODO\b(?!\(#\d+\): )/,
    example: `// ${'TO'}DO: bound this`,
    holds: isCodeBesideThis,
  },
  {
    name: 'reads the environment outside of config.ts',
    pattern: /\bprocess\.env(\.|\[)/,
    example: `process${'.'}env.PORT`,
    holds: (file) => isSource(file) && !/\/config\.ts$/.test(file) && !isTest(file),
  },
  {
    name: 'makes the transaction optional',
    pattern: /\btrx\?:/,
    example: `trx${'?'}: Knex.Transaction`,
  },
  {
    name: 'swallows an error',
    pattern: /\bcatch\s*(\([^)]*\))?\s*\{\s*\}|\.catch\(\(\) => \{\s*\}\)/,
    example: `try { open() } catch ${'{}'}`,
  },
  {
    name: 'silences the compiler or the linter without a reason',
    pattern: /@ts-(ignore|nocheck|expect-error)|eslint-disable(?!.* -- \w)/,
    example: `// ${'@ts'}-ignore`,
    holds: isCodeBesideThis,
  },
  {
    name: 'names a path of one machine',
    pattern: /(^|[\s'"`(=:])\/(work|farm|root|home|Users)\/\w/m,
    example: `'/${'home'}/somebody/project'`,
    holds: () => true,
  },
  {
    name: 'names the host of a package registry',
    pattern: new RegExp(
      [
        'registry\\.npmjs|npmmirror|unpkg\\.com|(proxy|sum)\\.golang\\.org|pypi\\.org',
        'pythonhosted|maven\\.org|deb\\.debian\\.org|crates\\.io',
      ].join('|'),
    ),
    example: `https://registry${'.'}npmjs.org/`,
    holds: (file) => !isThis(file),
  },
]

const LINES_MAX = 300
const COLUMNS_MAX = 100

// A binary file has no lines to judge; a lockfile and go.sum are written by their tools.
const isText = (file: string) =>
  !/(^|\/)(pnpm-lock\.yaml|go\.sum)$|\.(png|ico|gz|woff2?)$/.test(file)
const files = listFiles().filter(isText)
const texts = new Map(files.map((file) => [file, readText(file)]))

describe('the tree is tidy', () => {
  test.each(RULES)('no file $name', ({ pattern, holds = isCode }) => {
    const found = files
      .filter(holds)
      .filter((file) => pattern.test(texts.get(file) ?? ''))
      .map((file) => `${file}: ${pattern.exec(texts.get(file) ?? '')?.[0] ?? ''}`)

    expect(found).toEqual([])
  })

  test.each(RULES)('the rule that no file $name can fail', ({ pattern, example }) => {
    expect(example).toMatch(pattern)
  })

  test('no file of code is too long to be read in one go', () => {
    const long = files
      .filter(isCode)
      .map((file) => ({ file, lines: (texts.get(file) ?? '').trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > LINES_MAX)

    expect(long).toEqual([])
  })

  // Prettier holds the rest of TypeScript, and leaves what cannot be broken: a long string, a
  // test's name.
  test('no comment and no SQL is wider than a page', () => {
    const isHeldHere = (file: string, line: string) =>
      file.endsWith('.sql') || /^\s*(\/\/|\/?\*)/.test(line)
    const wide = files.filter(isCode).flatMap((file) =>
      (texts.get(file) ?? '')
        .split('\n')
        .map((line, index) => ({ at: `${file}:${index + 1}`, line }))
        .filter(({ line }) => [...line].length > COLUMNS_MAX && isHeldHere(file, line))
        .map(({ at }) => at),
    )

    expect(wide).toEqual([])
  })

  test('no file or folder has a name that says nothing', () => {
    const names =
      'controllers|dto|helpers?|interfaces|constants|utils?|common|shared|core|misc|generic'
    const drawer = new RegExp(`(^|/)(${names})(/|\\.ts$)|/index\\.ts$`)

    expect(files.filter((file) => drawer.test(file))).toEqual([])
  })

  test('every package and service says in a README what it is for', () => {
    const folders = new Set(
      files.flatMap((file) => /^(packages|services)\/[^/]+/.exec(file)?.[0] ?? []),
    )
    const silent = [...folders].filter((folder) => !texts.has(`${folder}/README.md`))

    expect(silent).toEqual([])
  })
})
