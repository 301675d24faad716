// PostgreSQL's binary form of a one-dimensional array: dimensions, has-nulls, element type, length,
// lower bound, then each element behind its length (array_recv,
// src/backend/utils/adt/arrayfuncs.c). The text form of 2,048 rows costs the client and the server
// about as much as the insert itself.
const HEADER_BYTES = 20
const OID = { bytea: 17, int8: 20, text: 25, uuid: 2950 } as const

function begin(type: keyof typeof OID, count: number, elementBytes: number): Buffer {
  const array = Buffer.allocUnsafe(HEADER_BYTES + count * 4 + elementBytes)
  array.writeInt32BE(1, 0)
  array.writeInt32BE(0, 4)
  array.writeInt32BE(OID[type], 8)
  array.writeInt32BE(count, 12)
  array.writeInt32BE(1, 16)
  return array
}

/** A `uuid[]` parameter. */
export function uuidArray(ids: readonly string[]): Buffer {
  const array = begin('uuid', ids.length, ids.length * 16)
  let at = HEADER_BYTES
  for (const id of ids) {
    array.writeInt32BE(16, at)
    at = writeHex(array, at + 4, id)
  }
  return array
}

/** Writes the bytes of hexadecimal digits, skipping dashes, and returns where they end. */
function writeHex(target: Buffer, at: number, text: string): number {
  let end = at
  let high = -1
  for (let nth = 0; nth < text.length; nth += 1) {
    const digit = HEX_VALUES[text.charCodeAt(nth)] ?? NO_DIGIT
    if (digit === NO_DIGIT) continue
    if (high >= 0) {
      target[end] = high * 16 + digit
      end += 1
    }
    high = high >= 0 ? -1 : digit
  }
  return end
}

const NO_DIGIT = 255
const HEX_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? NO_DIGIT : value
})

/** An `int8[]` parameter of safe integers, none negative. */
export function bigintArray(values: readonly number[]): Buffer {
  const array = begin('int8', values.length, values.length * 8)
  let at = HEADER_BYTES
  for (const value of values) {
    array.writeInt32BE(8, at)
    array.writeUInt32BE(Math.floor(value / 4_294_967_296), at + 4)
    array.writeUInt32BE(value % 4_294_967_296, at + 8)
    at += 12
  }
  return array
}

/** A `text[]` parameter of ASCII texts, as names and ids are. */
export function textArray(texts: readonly string[]): Buffer {
  return latin1Array('text', texts)
}

/** A `bytea[]` parameter of byte strings in latin1. */
export function byteaArray(values: readonly string[]): Buffer {
  return latin1Array('bytea', values)
}

function latin1Array(type: 'text' | 'bytea', values: readonly string[]): Buffer {
  const bytes = values.reduce((sum, value) => sum + value.length, 0)
  const array = begin(type, values.length, bytes)
  let at = HEADER_BYTES
  for (const value of values) {
    array.writeInt32BE(value.length, at)
    array.write(value, at + 4, 'latin1')
    at += 4 + value.length
  }
  return array
}
