import { Type, type Static } from 'typebox'
import { askAgent } from '@mumega/contracts/asks'
import type { RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Gateway } from './app.ts'
import type { Session } from './session.ts'
import { waitForAnswer } from './wait-for-answer.ts'

// What the bridge needs to answer an asker after its deadline, and the way back.
const MARGIN_MS = 5_000
/** The longest that a route may take that asks. */
export const ASK_HANDLER_MS_MAX = 130_000

export const Asked = Type.Object({
  answered: Type.Boolean(),
  ...askAgent.reply.properties,
})

/**
 * Asks an agent and waits for its answer, in the system's time, while the session's token holds.
 *
 * @throws as `waitForAnswer`, and the codes of `askAgent`
 */
export async function askAndWait(
  { gateway, session, context }: { gateway: Gateway; session: Session; context: CallContext },
  question: RequestOf<typeof askAgent>,
): Promise<Static<typeof Asked>> {
  const timeoutMs = gateway.clock.realMs(question.timeoutSeconds * 1_000) + MARGIN_MS
  const asking = gateway.bus.request(askAgent, question, { context, timeoutMs })
  const asked = await waitForAnswer(gateway, session, asking)
  return { answered: asked.answer !== undefined, ...asked }
}
