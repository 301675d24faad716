import type { ExportFormat } from './format.ts'

/**
 * One JSON object a line: the entry, byte for byte as it is in the log, its index and leaf hash,
 * and in `before` what lies between it and the entry before. The last line is the trailer. With
 * nothing but the log's public key `mumega audit` verifies all of it.
 */
export const jsonl: ExportFormat = {
  contentType: 'application/x-ndjson',
  extension: 'jsonl',
  begin: () => '',
  line({ index, leafHash, text, before, disclosure, isRedacted }) {
    // Entry and payload are canonical JSON already: parsed and written again they would cost most.
    const gap = before.length === 0 ? '' : `,"before":${JSON.stringify(before)}`
    const disclosed =
      disclosure === undefined
        ? ''
        : `,"disclosure":{"salt":"${disclosure.salt}","payload":${disclosure.payload}}`
    const redacted = isRedacted ? ',"redacted":true' : ''
    const place = `"index":${index},"leafHash":"${leafHash}"`
    return `{${place},"entry":${text}${gap}${disclosed}${redacted}}\n`
  },
  end({ exportedAt, filter, disclosed, count, firstIndex, lastIndex, size, after, checkpoint }) {
    // The audit takes the keys in this order only.
    const asked = { trailer: 1, exportedAt, filter, disclosed, count }
    const proof = { firstIndex, lastIndex, size, after, checkpoint }
    return `${JSON.stringify({ ...asked, ...proof })}\n`
  },
}
