import { expect, test } from '@jest/globals'
import type { Drop, Misfits } from '../drops/misfits.ts'
import { openIntake } from './on-append.ts'

/** Keeps in memory what is put on record. */
function givenMisfits(): { misfits: Misfits; drops: Drop[] } {
  const drops: Drop[] = []
  return {
    drops,
    misfits: {
      recordDrop: (drop) => Promise.resolve(void drops.push(drop)),
      recordConflict: () => Promise.resolve(),
      resolve: () => Promise.resolve(0),
      figures: () => ({ records: 0, failures: 0, waiting: 0 }),
    },
  }
}

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

test('an error that nobody foresaw puts the message on record, hands it back, and is counted', async () => {
  const { misfits, drops } = givenMisfits()
  const handedBack = new Promise<number>((resolve) => {
    const intake = openIntake({
      submit() {
        throw new Error('unforeseen')
      },
      misfits,
      onDone() {
        expect(intake.pending().bytes).toBe(0)
        expect(intake.failures()).toBe(1)
      },
    })
    intake.onMessage({
      subject: 'aud.bridge.v1.append',
      bytes: Buffer.from(JSON.stringify({ intents: [INTENT] })),
      deliveries: 1,
      ack() {
        throw new Error('it was not handled')
      },
      nak: resolve,
    })
  })

  expect(await handedBack).toBeGreaterThan(0)
  expect(drops).toMatchObject([{ source: 'bridge', reason: 'the message could not be handled' }])
})
