import type { MsgHdrs } from '@nats-io/transport-node'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import type { Link } from './link.ts'
import { LIVE_PREFIX } from './topology-names.ts'
import { validatorOf } from './validation.ts'
import { decode, headersOf } from './wire.ts'

/**
 * Subscribes the copy that the server publishes of each stored event. The original subject is
 * nobody's to hear: it carries the publisher's reply inbox, on which a listener could forge the
 * acknowledgement that it was stored.
 */
export function hearLive<C extends EventContract>(
  link: Link,
  contract: C,
  handler: (payload: PayloadOf<C>, headers: MsgHdrs | undefined) => void,
): void {
  const subject = `${LIVE_PREFIX}${contract.subject}`
  const validator = validatorOf<C['payload']>(contract.payload)
  link.connection.subscribe(subject, {
    callback: (error, msg) => {
      try {
        if (error !== null) throw error
        const payload = decode(msg.data)
        if (validator.check(payload)) handler(payload, headersOf(msg))
        else link.log.warn({ subject, ...validator.complaint(payload) }, 'heard-invalid')
      } catch (failure) {
        link.log.error({ error: failure, subject }, 'hear-failed')
      }
    },
  })
}
