import type { DrillReport, Trial } from './tamper.ts'

/**
 * The report as lines for a person; `entriesPerSecond` is what the scrubber of the log may read.
 */
export function reportText(report: DrillReport, entriesPerSecond: number): string {
  const { database, entries, bytes, passMs, trials } = report
  const tried = trials.filter(({ untried }) => untried === undefined)
  const detected = tried.filter(({ detectedMs }) => detectedMs !== undefined)
  const width = Math.max(...trials.map(({ what }) => what.length))
  const passSeconds = Math.ceil(entries / entriesPerSecond)
  return [
    `Drill on a copy of ${entries} entries (${(bytes / 1_048_576).toFixed(1)} MiB) in ${database};` +
      ` a pass over it took ${passMs.toFixed(0)} ms.`,
    ...trials.map((trial) => `  ${trial.what.padEnd(width)}  ${outcomeOf(trial)}`),
    `${detected.length} of ${tried.length} alterations were detected. The copy is removed; the log` +
      ' was only read.',
    `The ledger's own scrubber reads ${entriesPerSecond} entries/s: an entry of this log is read` +
      ` again within ${passSeconds} s, or 10 s where that is more.`,
    '',
  ].join('\n')
}

function outcomeOf({ finds, detectedMs, untried }: Trial): string {
  if (untried !== undefined) return `not tried: ${untried}`
  const what = `${finds?.kind} at ${finds?.place}`
  if (detectedMs === undefined) return `NOT DETECTED; expected was ${what}`
  return `detected after ${detectedMs.toFixed(0).padStart(5)} ms: ${what}`
}
