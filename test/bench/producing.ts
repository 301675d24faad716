import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TestSuite } from '@mumega/testkit'
import type { ProducerOrder, ProducerReport } from './ledger-producer.ts'

export type Production = Omit<ProducerOrder, 'natsUrl' | 'bridgeSeed' | 'adminSeed' | 'firstNumber'>

/** The bridge of a suite, as a producer of audit intents whose numbers have no hole. */
export interface Producing {
  /** Runs one order in a process of its own. Throws when it fails. */
  produce(order: Production): Promise<ProducerReport>
  /** The number of the next intent. */
  nextNumber(): number
  /** After somebody else has published as the bridge. */
  goOnAt(number: number): void
}

export function startProducing({ nats }: TestSuite): Producing {
  let number = 1
  return {
    nextNumber: () => number,
    goOnAt(next) {
      number = next
    },
    produce(order) {
      const child = fork(fileURLToPath(new URL('./ledger-producer.js', import.meta.url)))
      const full: ProducerOrder = {
        ...order,
        firstNumber: number,
        natsUrl: nats.url,
        bridgeSeed: nats.seedOf('bridge'),
        adminSeed: nats.adminSeed,
      }
      number += order.events
      return new Promise((resolve, reject) => {
        child.once('message', resolve)
        child.once('exit', (code) => {
          reject(new Error(`the producer ended with ${code} and no report`))
        })
        child.send(full)
      })
    },
  }
}
