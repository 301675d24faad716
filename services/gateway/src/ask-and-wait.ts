import type { Socket } from 'node:net'
import { Type, type Static } from 'typebox'
import { v7 as uuidv7 } from 'uuid'
import { askAbandoned, askAgent } from '@mumega/contracts/asks'
import type { PayloadOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Gateway } from './app.ts'
import type { Session } from './session.ts'
import { waitForAnswer } from './wait-for-answer.ts'
import { watchCaller } from './watch-caller.ts'

// What the bridge needs to answer an asker after its deadline, and the way back.
const MARGIN_MS = 5_000
/** The longest that a route may take that asks. */
export const ASK_HANDLER_MS_MAX = 130_000

export const Asked = Type.Object({
  answered: Type.Boolean(),
  ...askAgent.reply.properties,
})

/** What a caller asks; the rest of the request is the gateway's own. */
export const Question = Type.Omit(askAgent.request, ['requestId', 'waitId'])

/** Who asks, and the connection of the request. */
interface Asking {
  gateway: Gateway
  session: Session
  context: CallContext
  socket: Socket
}

/**
 * Asks an agent and waits for its answer, in the system's time, while the session's token holds.
 * When nobody waits any more, the bridge is told: so many may wait, and this one leaves its place.
 *
 * @throws as `waitForAnswer`, and the codes of `askAgent`
 */
export async function askAndWait(
  { gateway, session, context, socket }: Asking,
  question: Omit<RequestOf<typeof askAgent>, 'waitId'>,
): Promise<Static<typeof Asked>> {
  const waitId = uuidv7()
  const timeoutMs = gateway.clock.realMs(question.timeoutSeconds * 1_000) + MARGIN_MS
  let isWaiting = true
  const asking = gateway.bus
    .request(askAgent, { ...question, waitId }, { context, timeoutMs })
    .finally(() => {
      isWaiting = false
    })
  const leave = () => {
    if (isWaiting) void tellAbandoned(gateway, { tenantId: context.tenantId, waitId })
  }
  const unwatch = watchCaller(socket, leave)
  try {
    const asked = await waitForAnswer(gateway, session, asking)
    return { answered: asked.answer !== undefined, ...asked }
  } finally {
    unwatch()
    leave()
  }
}

async function tellAbandoned(
  { bus, log }: Gateway,
  wait: PayloadOf<typeof askAbandoned>,
): Promise<void> {
  try {
    await bus.publish(askAbandoned, wait, { messageId: wait.waitId })
  } catch (error) {
    // Then its place is free at its deadline, as if nobody had left.
    log.warn({ error, waitId: wait.waitId }, 'ask-not-abandoned')
  }
}
