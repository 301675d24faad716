import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  hearSealed,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { givenPassage, type Passage } from './given-passage.ts'

let ledger: TestLedger
let passage: Passage

beforeEach(async () => {
  ledger = await givenLedger({ isRunning: false })
  passage = await givenPassage(new URL(ledger.config.DATABASE_URL), 'commit-batch')
  Object.assign(ledger.config, { DATABASE_URL: passage.url })
  await ledger.run()
})
afterEach(async () => {
  await ledger.stop()
  passage.close()
})

test('a commit whose answer is lost is signed and announced at once, without another event', async () => {
  const bridge = await ledger.bus('bridge')
  const heard = hearSealed(await ledger.adminBus())
  await publishIntents(bridge, [anIntent()])
  await eventually(() => Promise.resolve(heard.length === 1), { what: 'the first announcement' })
  passage.cutNextMarked()

  await publishIntents(bridge, [anIntent()])

  await eventually(() => Promise.resolve(passage.cuts() === 1), { what: 'the cut' })
  await untilSealed(ledger, 2)
  await eventually(() => Promise.resolve(heard.some(({ index }) => index === 1)), {
    what: 'the announcement of the second entry',
  })
  const note = await eventually(
    async () => {
      const found = (await checkpointOf(bridge)).note
      return found?.split('\n')[1] === '2' && found
    },
    { what: 'a checkpoint over both' },
  )
  expect(note).toMatch(/^localhost/)
})
