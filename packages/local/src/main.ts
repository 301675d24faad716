import { isAppError } from '@mumega/errors'
import { currentEnvironment } from './config.ts'
import { killAllServers } from './processes.ts'
import { openProgress } from './progress.ts'
import { loadSettings } from './settings.ts'
import { startSuite } from './suite.ts'

// npm passes a Ctrl-C on that the terminal has already sent to every process of its group: what
// comes within this time is the same key stroke. A second one after it means: now, whatever is
// lost.
const SAME_KEY_STROKE_MS = 1_000
const STOP_MS_MAX = 9_800

const startedAtMs = Number(currentEnvironment()['MUMEGA_STARTED_AT_MS'] ?? Date.now())
const progress = openProgress(startedAtMs)
let stopRequestedAtMs: number | undefined

function endNow(): never {
  killAllServers()
  process.exit(130)
}

function explain(error: unknown): string {
  if (isAppError(error)) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

try {
  const run = startSuite({
    settings: loadSettings(currentEnvironment()),
    environment: currentEnvironment(),
    progress,
  })
  const stop = (signal: NodeJS.Signals) => {
    if (stopRequestedAtMs !== undefined) {
      if (Date.now() - stopRequestedAtMs < SAME_KEY_STROKE_MS) return
      progress.step('stopping at once')
      endNow()
    }
    stopRequestedAtMs = Date.now()
    progress.step(`${signal}: stopping …`)
    // Whatever was in the middle of starting cannot hold up the end.
    setTimeout(endNow, STOP_MS_MAX).unref()
    void run.stop().then(() => {
      // What was still being started is not needed any more; the next start copes with it.
      killAllServers()
      progress.step('stopped')
      process.exit(0)
    })
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)

  const suite = await run.started.catch(async (error: unknown) => {
    if (stopRequestedAtMs !== undefined) return undefined
    await run.stop()
    throw error
  })
  if (suite !== undefined) {
    progress.say(
      `\n  Mumega runs: ${suite.gatewayUrl}   (data: ${suite.dataDir}; Ctrl-C stops it)\n`,
    )
  }
} catch (error) {
  progress.say(`\nMumega did not start: ${explain(error)}`)
  killAllServers()
  process.exit(1)
}
