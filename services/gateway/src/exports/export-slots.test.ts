import { expect, test } from '@jest/globals'
import { openExportSlots } from './export-slots.ts'

test('an operator’s token gets no more exports by delegating', () => {
  const slots = openExportSlots()
  const one = { kind: 'operator' as const, tenantId: 'substrate', rootTokenId: 'one' }
  const releases = Array.from({ length: 4 }, () => slots.take({ ...one }))

  expect(() => slots.take({ ...one })).toThrow('4 exports of this token')
  slots.take({ ...one, rootTokenId: 'two' })()

  releases[0]?.()
  slots.take({ ...one })()
})
