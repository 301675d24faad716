import { expect, test } from '@jest/globals'
import { describeBus } from './asyncapi/describe-bus.ts'
import { readText } from './tree.ts'

test('docs/asyncapi.json is what the contracts make', async () => {
  expect(await describeBus()).toBe(readText('docs/asyncapi.json'))
})
