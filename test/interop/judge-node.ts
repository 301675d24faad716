import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { listFiles, ROOT } from '../tree.ts'
import { NO_TIME_LEFT, NotHere, type Finding } from './finding.ts'
import { toolsDir } from './go-module.ts'
import { findNpmTool } from './npm-tool.ts'
import { lastLine, runCommand } from './run-command.ts'

// Every Node that is alive: the floor, and what most people have.
const VERSIONS = ['20.20.2', '24.21.0', '26.10.0']
const TESTS_MS_MAX = 400_000

/**
 * The end-to-end tests, run by each version of Node that people have, but for the one that runs
 * this: `npm test` is its judge.
 */
export async function judgeNode(isOver: () => boolean): Promise<Finding[]> {
  const tests = listFiles()
    .filter((file) => /^test\/e2e\/.*\.test\.ts$/.test(file))
    .map((file) => file.replace(/^test\/(.*)\.ts$/, 'test/dist/$1.js'))
  const findings: Finding[] = []
  for (const version of VERSIONS) {
    if (process.version === `v${version}`) continue
    if (isOver()) findings.push({ ...findingOf(version, tests), ...NO_TIME_LEFT })
    else findings.push(await judgeOne(version, tests))
  }
  return findings
}

async function judgeOne(version: string, tests: readonly string[]): Promise<Finding> {
  const finding = findingOf(version, tests)
  try {
    if (tests.length === 0) throw new NotHere('there is no end-to-end test')
    const program = await findNode(version)
    return { ...finding, ...(await runTests(program, tests)) }
  } catch (error) {
    if (!(error instanceof NotHere)) throw error
    return { ...finding, result: 'skipped', reason: error.message }
  }
}

function findingOf(version: string, tests: readonly string[]) {
  return { tool: `Node ${version.split('.')[0] ?? ''}`, version, checked: tests.join(' ') }
}

/** The program of this version: npm has each platform's as a package. */
function findNode(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  return findNpmTool({ name, version, file: join(name, 'bin', 'node') })
}

interface JestReport {
  numPassedTests: number
  numFailedTests: number
  testResults: { assertionResults: { status: string; fullName: string }[] }[]
}

async function runTests(
  program: string,
  tests: readonly string[],
): Promise<Pick<Finding, 'version' | 'result' | 'reason'>> {
  const report = join(toolsDir(), `journey-${process.pid}.json`)
  const words = [
    '--experimental-vm-modules',
    'node_modules/jest/bin/jest.js',
    ...['--runTestsByPath', ...tests, '--json', '--outputFile', report],
  ]
  // The services are started by the Node that runs the tests, so that they run on it as well.
  const { output: version } = await runCommand(program, ['--version'], { timeoutMs: 10_000 })
  const { code, output } = await runCommand(program, words, { cwd: ROOT, timeoutMs: TESTS_MS_MAX })
  try {
    const judged = JSON.parse(readFileSync(report, 'utf8')) as JestReport
    const failed = judged.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === 'failed')
    const isPassed = code === 0 && judged.numPassedTests > 0
    // What failed is for people to read now; the table has room for its name only.
    if (!isPassed) process.stderr.write(`${output}\n`)
    return {
      version: version.trim(),
      result: isPassed ? 'passed' : 'failed',
      reason: [
        `${judged.numPassedTests} passed, ${judged.numFailedTests} failed`,
        ...failed.slice(0, 1).map(({ fullName }) => fullName),
      ].join(': '),
    }
  } catch {
    return { version: version.trim(), result: 'failed', reason: lastLine(output) }
  } finally {
    rmSync(report, { force: true })
  }
}
