import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from '@nats-io/transport-node'
import { freePort, LOOPBACK } from '@mumega/local/ports'
import { natsProgram } from '@mumega/testkit/config'

/**
 * The same nats-server program as ours, open to everybody. With a `storeFolder` it keeps streams
 * there, and syncs each message to the disk before it acknowledges it; without, it has none.
 */
export async function startPlainNats({ storeFolder }: { storeFolder?: string } = {}): Promise<{
  url: string
  stop: () => Promise<void>
}> {
  const port = await freePort()
  const url = `nats://${LOOPBACK}:${port}`
  const words = ['-a', LOOPBACK, '-p', String(port)]
  if (storeFolder !== undefined) words.push('-c', durableConfig(storeFolder))
  const child = spawn(natsProgram(), words, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  const probe = await connect({
    servers: url,
    waitOnFirstConnect: true,
    reconnectTimeWait: 50,
    maxReconnectAttempts: 200,
  })
  await probe.close()
  return {
    url,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function durableConfig(storeFolder: string): string {
  const file = join(storeFolder, 'nats.conf')
  const folder = JSON.stringify(storeFolder)
  writeFileSync(file, `jetstream { store_dir: ${folder}, sync_interval: always }\n`)
  return file
}
