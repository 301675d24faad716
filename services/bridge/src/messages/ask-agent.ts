import type { askAgent } from '@mumega/contracts/asks'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, readAs, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { askInterrupted } from '../errors.ts'
import { callingAgent } from '../identity.ts'
import { acceptMessage } from './accept-message.ts'
import { findAnswer, insertFetches, type Answer } from './inbox-repository.ts'
import type { Question, WaitingAsk, WaitingAsks } from './waiting-asks.ts'

export interface AskOptions {
  asks: WaitingAsks
  /** Real time at which the caller stops listening. */
  callDeadline: Date
}

// The caller hears that the wait was interrupted before it stops listening, so it knows how to
// resume.
const CALL_MARGIN_MS = 500

/**
 * Sends a question, once per `requestId`, and waits until its deadline for the asked agent's
 * answer, or nobody waits for it any more. A repeated request waits for the first one's answer,
 * until the first one's deadline.
 *
 * @throws what `acceptMessage` throws, bridge.sender-not-an-agent, bridge.too-many-asks and
 * .asks-full (nothing was sent), bridge.ask-interrupted (the question was sent; the same request
 * goes on waiting)
 */
export async function handleAskAgent(
  bridge: Bridge,
  { context, request }: { context: CallContext; request: RequestOf<typeof askAgent> },
  { asks, callDeadline }: AskOptions,
): Promise<ReplyOf<typeof askAgent>> {
  const from = callingAgent(context)
  // Taken before the question is sent, so that a refused ask leaves nothing behind.
  const { tenantId } = context
  const waiting = asks.open({ tenantId, agent: from, waitId: request.waitId })
  try {
    const draft = draftOf(from, request)
    const { requestId } = request
    const { messageId, deadline } = await acceptMessage(bridge, context, { requestId, draft })
    if (deadline === undefined) throw new Error('an ask was accepted without a deadline')
    const question = { tenantId, messageId, asked: request.to }
    waiting.expect(question)
    const answer = await untilAnswered(
      bridge,
      { context, question, asker: from },
      { waiting, deadline: new Date(deadline), callDeadline },
    )
    if (answer === undefined) return { messageId }
    const { messageId: answerId, from: answeredBy, text } = answer
    return { messageId, answer: { messageId: answerId, from: answeredBy, text } }
  } finally {
    waiting.close()
  }
}

function draftOf(from: string, request: RequestOf<typeof askAgent>) {
  const { to, text, correlationId, timeoutSeconds } = request
  return {
    from,
    to,
    kind: 'ask' as const,
    text,
    contentType: 'text/plain' as const,
    ...(correlationId === undefined ? {} : { correlationId }),
    timeoutSeconds,
  }
}

interface Asked {
  context: CallContext
  question: Question
  asker: string
}

interface Wait {
  waiting: WaitingAsk
  deadline: Date
  callDeadline: Date
}

/**
 * Looks into the database before waiting, at each wake and at the end: the bus only says when to
 * look, so an answer that another process accepted, or whose copy was lost, is found as well.
 */
async function untilAnswered(
  bridge: Bridge,
  asked: Asked,
  { waiting, deadline, callDeadline }: Wait,
): Promise<Answer | undefined> {
  const { clock } = bridge
  const leftMs = deadline.getTime() - clock.now().getTime()
  const callLeftMs = callDeadline.getTime() - CALL_MARGIN_MS - Date.now()
  const waitMs = leftMs > 0 ? clock.realMs(leftMs) : 0
  const end = timer(Math.max(0, Math.min(waitMs, callLeftMs)))
  try {
    for (;;) {
      // Both are taken before the look, so that what happens during it leads to another look.
      const woken = waiting.nextWake()
      const isLastLook = end.hasPassed() || waiting.isStopped() || waiting.isAbandoned()
      const answer = await look(bridge, asked)
      if (answer !== undefined) return answer
      if (isLastLook) break
      await Promise.race([woken, end.passed])
    }
  } finally {
    end.clear()
  }
  // To whom nobody listens, nothing needs to be said.
  if (waiting.isAbandoned()) return undefined
  if (clock.now() < deadline) throw askInterrupted(asked.question.messageId)
  return undefined
}

async function look({ db, clock }: Bridge, asked: Asked): Promise<Answer | undefined> {
  const { context, question, asker } = asked
  const { tenantId, messageId: replyTo } = question
  try {
    const answer = await readAs(db, context, (trx) =>
      findAnswer(trx, { tenantId, asker, from: question.asked, replyTo }),
    )
    if (answer !== undefined) {
      const fetched = { tenantId, agent: asker, positions: [answer.position], at: clock.now() }
      await act(db, { context, clock }, async (trx) => {
        await insertFetches(trx, fetched)
        return unchanged(undefined)
      })
    }
    return answer
  } catch (cause) {
    throw askInterrupted(replyTo, cause)
  }
}

function timer(realMs: number) {
  let isOver = realMs === 0
  let timeout: NodeJS.Timeout | undefined
  const passed = new Promise<void>((resolve) => {
    timeout = setTimeout(() => {
      isOver = true
      resolve()
    }, realMs)
  })
  return {
    passed,
    hasPassed: () => isOver,
    clear: () => {
      clearTimeout(timeout)
    },
  }
}
