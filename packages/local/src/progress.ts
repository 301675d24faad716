export interface Progress {
  /** One line with the seconds since the start before it. */
  readonly step: (line: string) => void
  /** Lines as they are. */
  readonly say: (text: string) => void
}

/** Tells a person what goes on, on standard output. */
export function openProgress(startedAtMs: number): Progress {
  // A reader that is gone (a closed terminal, `| head`) must not end the suite.
  process.stdout.on('error', () => undefined)
  const say = (text: string) => {
    process.stdout.write(`${text}\n`)
  }
  return {
    say,
    step(line) {
      const seconds = (Date.now() - startedAtMs) / 1_000
      say(`${seconds.toFixed(1).padStart(6)} s  ${line}`)
    },
  }
}
