import { every } from '@mumega/config/every'
import { isAppError } from '@mumega/errors'
import type { Gateway } from './app.ts'
import { readLiveToken } from './authentication.ts'
import { askStopped } from './errors.ts'
import type { Session } from './session.ts'

/**
 * What `answer` resolves to, for a session whose token still holds then. The wait ends sooner when
 * the token is revoked and when the gateway stops. Like a stream, it looks by itself at each
 * keep-alive, too: of a revocation on another process it hears nothing while NATS is away.
 *
 * @throws gateway.token-revoked, .token-expired, .stopping, and what `answer` rejects with
 */
export async function waitForAnswer<Answer>(
  gateway: Gateway,
  session: Session,
  answer: Promise<Answer>,
): Promise<Answer> {
  const keepAliveMs = gateway.config.MUMEGA_STREAM_KEEP_ALIVE_MS
  let leave = () => {}
  const ended = new Promise<never>((_resolve, reject) => {
    const look = async () => {
      try {
        await gateway.looks(() => readLiveToken(gateway, session.tokenHash))
      } catch (error) {
        // A look that could not be made says nothing; there is another before the answer.
        if (isAppError(error) && error.kind === 'unauthenticated') reject(error)
      }
    }
    const detach = gateway.hub.attachWait({
      tokenId: session.token.tokenId,
      doubt: () => void look(),
      stop: () => reject(askStopped()),
    })
    const looks = every(keepAliveMs, look, { delayMs: keepAliveMs })
    leave = () => {
      detach()
      void looks.stop()
    }
  })
  try {
    const answered = await Promise.race([answer, ended])
    await readLiveToken(gateway, session.tokenHash)
    return answered
  } finally {
    leave()
  }
}
