import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import type { Drop } from '../drops/misfits.ts'
import type { SealRequest } from '../sealing/seal-request.ts'
import { openIntake } from './on-append.ts'

const INTENT = {
  id: '019a0000-0000-7000-8000-000000000001',
  number: 1,
  chain: 'acme',
  time: '2026-11-21T08:00:00.000Z',
  actor: { id: 'agent:writer', kind: 'agent' },
  action: 'message.accepted',
  target: 'message:1',
  phase: 'fact',
  payload: {},
}

/** Hands over a message, of three intents unless told; the sealer takes each as `submit` does. */
async function handOver(
  submit: (request: SealRequest) => void,
  intents: readonly unknown[] = [INTENT, INTENT, INTENT],
) {
  const drops: Drop[] = []
  return new Promise<{ end: string; drops: Drop[]; failures: number; pending: object }>(
    (resolve) => {
      const intake = openIntake({
        submit,
        misfits: {
          recordDrop: (drop) => Promise.resolve(void drops.push(drop)),
          recordConflict: () => Promise.reject(new Error('there is no conflict')),
          resolve: () => Promise.resolve(0),
          figures: () => ({ records: 0, failures: 0, waiting: 0 }),
        },
        logSize: () => 0,
        onDone: () => undefined,
      })
      const end = (how: string) => () => {
        resolve({ end: how, drops, failures: intake.failures(), pending: intake.pending() })
      }
      intake.onMessage({
        subject: 'aud.bridge.v1.append',
        bytes: Buffer.from(JSON.stringify({ intents })),
        deliveries: 1,
        ack: end('acknowledged'),
        working: () => undefined,
        nak: end('handed back'),
      })
    },
  )
}

test.each([0, 1, 2])(
  'an error that nobody foresaw, after %i intents, puts the message on record and hands it back',
  async (good) => {
    let taken = 0

    const { end, drops, failures, pending } = await handOver((request) => {
      taken += 1
      if (taken > good) throw new Error('unforeseen')
      setImmediate(() => {
        request.settle({ kind: 'not-sealing', reason: 'it rests' })
      })
    })

    expect(end).toBe('handed back')
    expect(failures).toBe(1)
    expect(drops).toMatchObject([{ source: 'bridge', reason: 'the message could not be handled' }])
    // Some of its intents may be sealed, and erased: no hash over their payloads may stand.
    const ids = `${INTENT.id} ${INTENT.id} ${INTENT.id}`
    expect(drops[0]?.payloadHash.toString('hex')).toBe(hash('sha256', ids, 'hex'))
    expect(pending).toEqual({ intents: 0, bytes: 0 })
  },
)

test('a message is not ended by an intent that is settled while others are still handed over', async () => {
  let taken = 0

  const { end, pending } = await handOver((request) => {
    taken += 1
    const refuse = () => {
      request.settle({ kind: 'not-sealing', reason: 'it rests' })
    }
    if (taken === 1) refuse()
    else setImmediate(refuse)
  })

  expect([end, pending]).toEqual(['handed back', { intents: 0, bytes: 0 }])
})

test('a drop waits for an intent of its id that came before it, even one that is not sealed', async () => {
  const large = { ...INTENT, payload: { text: 'x'.repeat(65_536) } }

  const { end, drops, pending } = await handOver(
    (request) => {
      setImmediate(() => {
        request.settle({ kind: 'not-sealing', reason: 'it rests' })
      })
    },
    [INTENT, large],
  )

  expect([end, pending]).toEqual(['handed back', { intents: 0, bytes: 0 }])
  expect(drops).toMatchObject([{ id: INTENT.id }])
})
