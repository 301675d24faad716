import type { Policy } from './policy.ts'
import { verifyReceipt, type ReceiptVerdict } from './receipt.ts'

/** Bytes of a receipt or a disclosure at most: ten times what the ledger can write. */
export const FILE_BYTES_MAX = 1_048_576

/** A receipt as files have it. Of what is longer than `FILE_BYTES_MAX` one byte more is enough. */
export interface ReceiptFiles {
  readonly receipt: Uint8Array
  readonly disclosure?: Uint8Array
  readonly vkey: string
  readonly policy?: Policy
}

/**
 * Judges a receipt by its bytes, so that every program says the same of what is no text, or more of
 * it than any receipt has.
 *
 * @throws TypeError when `vkey` is not the verifier key of a log
 */
export function verifyReceiptFiles({
  receipt,
  disclosure,
  ...trusted
}: ReceiptFiles): ReceiptVerdict {
  const text = textOf(receipt)
  const disclosed = disclosure === undefined ? '' : textOf(disclosure)
  if (text === undefined || disclosed === undefined) {
    const isTooLong = [receipt, disclosure].some((file) => (file?.length ?? 0) > FILE_BYTES_MAX)
    const reason = isTooLong
      ? `A file is longer than any receipt: it has more than ${FILE_BYTES_MAX} bytes.`
      : 'The file is not UTF-8.'
    return { status: 'malformed', reason, isPayloadVerified: false }
  }
  return verifyReceipt({
    ...trusted,
    text,
    ...(disclosure !== undefined && { disclosure: disclosed }),
  })
}

// A mark of the byte order is text like any other: it makes the file another than the ledger wrote.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > FILE_BYTES_MAX) return undefined
  try {
    return utf8.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
