import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { writeAll } from './write-all.ts'

const LINE = `${'x'.repeat(1_023)}\n`
const ROOM_BYTES = 16 * 1_024

/** A thousand lines of 1 KiB; says how many were asked for. */
function givenLines() {
  let asked = 0
  async function* lines() {
    while (asked < 1_000) {
      asked += 1
      yield LINE
    }
  }
  return { lines: lines(), asked: () => asked }
}

test('of a long export no more is made than the reader has taken and its buffer holds', async () => {
  const { lines, asked } = givenLines()
  const out = new PassThrough({ highWaterMark: ROOM_BYTES })

  const stalled = writeAll(out, lines, 50)

  await expect(stalled).rejects.toThrow('the reader took nothing for 50 ms')
  expect(asked()).toBeLessThanOrEqual((2 * ROOM_BYTES) / LINE.length + 1)
})

test('a reader that reads gets everything, in order, and the end', async () => {
  const { lines, asked } = givenLines()
  const out = new PassThrough({ highWaterMark: ROOM_BYTES })

  const [received] = await Promise.all([text(out), writeAll(out, lines, 5_000)])

  expect(received).toBe(LINE.repeat(1_000))
  expect(asked()).toBe(1_000)
})

test('when the reader goes away nothing more is made', async () => {
  const { lines, asked } = givenLines()
  const out = new PassThrough({ highWaterMark: ROOM_BYTES })
  out.once('data', () => {
    out.destroy()
  })

  await writeAll(out, lines, 5_000)

  expect(asked()).toBeLessThan(100)
})

test('an export that fails is not ended as if it were whole', async () => {
  const out = new PassThrough()
  async function* lines() {
    yield LINE
    throw new Error('the ledger is away')
  }

  await expect(writeAll(out, lines(), 5_000)).rejects.toThrow('the ledger is away')
  expect(out.writableEnded).toBe(false)
})
