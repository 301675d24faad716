const startedAtMs = Date.now()

/** One line with the seconds since the start before it. */
export function step(line) {
  const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1)
  process.stdout.write(`${seconds.padStart(6)} s  ${line}\n`)
}

/** What the supervisor counts its own lines from. */
export function startedAt() {
  return startedAtMs
}

/** Says why nothing can go on, without a stack, and ends. */
export function fail(message) {
  process.stderr.write(`\n${message}\n`)
  process.exit(1)
}
