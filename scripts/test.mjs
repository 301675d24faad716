import './check-node.mjs'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { allProjects, build } from './build.mjs'
import { ROOT, runOpenly } from './command.mjs'
import { install } from './install.mjs'
import { step } from './progress.mjs'

const FAILURES_TOLD_MAX = 20
const FAILURE_LINES_MAX = 15

await install()
step('building …')
await build(allProjects())

const folder = mkdtempSync(join(tmpdir(), 'mumega-results-'))
const resultsFile = join(folder, 'results.json')
const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')
const words = [jest, '--json', `--outputFile=${resultsFile}`, ...process.argv.slice(2)]
const code = await runOpenly(process.execPath, words, { env: jestEnvironment() })
const results = readResults()
rmSync(folder, { recursive: true, force: true })
if (results === undefined) {
  step(`Jest ended with code ${code} before it had results.`)
  process.stdout.write('0 passed, 1 failed, 0 skipped\n')
  process.exit(1)
}
process.exit(report(results))

function jestEnvironment() {
  const nodeOptions = [process.env.NODE_OPTIONS, '--experimental-vm-modules', '--no-warnings']
  return { ...process.env, NODE_OPTIONS: nodeOptions.filter(Boolean).join(' ') }
}

function readResults() {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8'))
  } catch {
    return undefined
  }
}

/** Says what was skipped and why, what failed, and how many did what; gives the exit code. */
function report({ testResults, numPassedTests, numPendingTests, numTodoTests, ...counts }) {
  const assertions = testResults.flatMap((file) => file.assertionResults)
  const skipped = assertions.filter(({ status }) => status === 'pending' || status === 'todo')
  for (const { fullName } of skipped) process.stdout.write(`skipped: ${fullName}\n`)
  for (const line of failuresOf(testResults)) process.stdout.write(`${line}\n`)
  // A file that could not even be loaded holds tests that did not pass.
  const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites
  if (failed === 0 && code !== 0) step(`Jest ended with code ${code} although no test failed`)
  process.stdout.write(
    `${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped\n`,
  )
  return failed === 0 && numPassedTests > 0 && code === 0 ? 0 : 1
}

/** What was seen fail, once more and in short: what Jest told may be thousands of lines above. */
function failuresOf(testResults) {
  const failed = testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const file = relative(ROOT, name)
      const tests = assertionResults.filter(({ status }) => status === 'failed')
      if (tests.length === 0) return [{ title: file, text: message }]
      return tests.map(({ fullName, failureMessages }) => ({
        title: `${file}: ${fullName}`,
        text: failureMessages.join('\n'),
      }))
    })
  return failed.slice(0, FAILURES_TOLD_MAX).flatMap(({ title, text }) => {
    const lines = stripVTControlCharacters(text).split('\n')
    return [`failed: ${title}`, ...lines.slice(0, FAILURE_LINES_MAX).map((line) => `  ${line}`)]
  })
}
