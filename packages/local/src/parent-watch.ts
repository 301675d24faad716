// Loaded by `node --import` into every service before its own code. When the process that started
// the service dies without a word, as by SIGKILL, the channel to it closes: the service then stops
// in its own order, as if it had been told to, and nothing is left running.

const STOP_MS_MAX = 8_000

process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM')
  setTimeout(() => {
    process.exit(1)
  }, STOP_MS_MAX).unref()
})
// Watching alone is no reason to stay: a service that has stopped must be able to end.
process.channel?.unref()
