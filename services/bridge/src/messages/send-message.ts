import type { broadcastMessage, sendMessage } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Bridge } from '../bridge.ts'
import { callingAgent } from '../identity.ts'
import { acceptMessage } from './accept-message.ts'

/**
 * Accepts a message for one agent. @throws what `acceptMessage` throws, bridge.sender-not-an-agent
 */
export async function handleSendMessage(
  bridge: Bridge,
  context: CallContext,
  { requestId, contentType = 'text/plain', ...fields }: RequestOf<typeof sendMessage>,
): Promise<ReplyOf<typeof sendMessage>> {
  const from = callingAgent(context)
  const draft = { ...picked(fields), from, to: fields.to, kind: 'send' as const, contentType }
  const { messageId } = await acceptMessage(bridge, context, { requestId, draft })
  return { messageId, status: 'queued' }
}

/**
 * Accepts a message for every other agent. @throws what `acceptMessage` throws,
 * bridge.sender-not-an-agent
 */
export async function handleBroadcastMessage(
  bridge: Bridge,
  context: CallContext,
  { requestId, contentType = 'text/plain', ...fields }: RequestOf<typeof broadcastMessage>,
): Promise<ReplyOf<typeof broadcastMessage>> {
  const from = callingAgent(context)
  const draft = { ...picked(fields), from, kind: 'broadcast' as const, contentType }
  const { messageId, recipients } = await acceptMessage(bridge, context, { requestId, draft })
  return { messageId, status: 'queued', recipients }
}

type Fields = Pick<
  RequestOf<typeof sendMessage>,
  'text' | 'replyTo' | 'correlationId' | 'expiresAt'
>

// By name, because a newer caller may send fields that this version does not know: they must not
// reach the draft.
function picked({ text, replyTo, correlationId, expiresAt }: Fields): Fields {
  return {
    text,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}
