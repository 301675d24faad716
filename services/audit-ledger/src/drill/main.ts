import { loadDrillConfig } from '../config.ts'
import { DrillRefused } from './refused.ts'
import { drillTamper, hasMissed } from './tamper.ts'
import { reportText } from './report.ts'

// The program behind `mumega drill tamper`. Exit code: 0 all detected, 1 something was not, 2 the
// drill could not be held.
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    ending.abort(new DrillRefused('The drill was ended before its time; its copy is removed.'))
  })
}

try {
  const config = loadDrillConfig(process.env)
  const report = await drillTamper({
    adminUrl: config.DATABASE_URL,
    vkey: config.LEDGER_VKEY,
    checkpointFile: config.LEDGER_CHECKPOINT_FILE,
    bytesMax: config.DRILL_MIB_MAX * 1_048_576,
    detectMsMax: config.DRILL_DETECT_MS_MAX,
    signal: ending.signal,
  })
  process.stdout.write(reportText(report, config.LEDGER_SCRUB_ENTRIES_PER_SECOND))
  process.exitCode = hasMissed(report) ? 1 : 0
} catch (error) {
  const refused: unknown = ending.signal.aborted ? ending.signal.reason : error
  if (!(refused instanceof DrillRefused)) throw error
  process.stderr.write(`${refused.message}\n`)
  process.exitCode = 2
}
