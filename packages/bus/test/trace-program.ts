// Run by tracing.test.ts as a process of its own, with the telemetry that services have: one
// request from the gateway, which the bridge answers after it has published an event that it then
// consumes.
import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { currentTraceparent, shutdownTelemetry, traceIdOf, withSpan } from '@mumega/telemetry'
import { givenLetter, LETTERS } from './consumers.ts'
import { CONTEXT, greet } from './given.ts'

const [natsUrl = '', bridgeSeed = '', gatewaySeed = ''] = process.argv.slice(2)
const common = { natsUrl, clock: systemClock }
const bridge = await connectBus({ ...common, nkeySeed: bridgeSeed, service: 'bridge' })
const gateway = await connectBus({ ...common, nkeySeed: gatewaySeed, service: 'gateway' })
const consumed = new Promise<void>((resolve) => {
  void bridge.consume(deadLettered('bridge'), LETTERS.consumer, async () => {
    resolve()
  })
})
bridge.serve(greet, async ({ name }) => {
  const letter = givenLetter('traced')
  await bridge.publish(deadLettered('bridge'), letter, { messageId: letter.deadLetterId })
  return { greeting: `Hello ${name}` }
})
await bridge.connection.flush()

const traceId = await withSpan('the-request', { kind: 'server' }, async () => {
  await gateway.request(greet, { name: 'loom' }, { context: CONTEXT })
  return traceIdOf(currentTraceparent())
})
await consumed
await Promise.all([bridge.drain(), gateway.drain()])
await shutdownTelemetry()
process.stdout.write(`${traceId}\n`)
