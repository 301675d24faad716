import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from '@nats-io/transport-node'
import { freePort, LOOPBACK } from '@mumega/local/ports'
import { natsProgram } from '@mumega/testkit/config'

/** The same nats-server program as ours, as it is without a configuration: open to everybody. */
export async function startPlainNats(): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort()
  const url = `nats://${LOOPBACK}:${port}`
  const child = spawn(natsProgram(), ['-a', LOOPBACK, '-p', String(port)], { stdio: 'ignore' })
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
