import type { Listed } from './inbox-repository.ts'

// One NATS message holds 1 MiB by default. JSON may need six bytes for one byte of text, so a page
// is measured.
const PAGE_BYTES_MAX = 524_288

/**
 * As many from the front as fit into one reply. The first always does: it is at most 100 KiB of
 * JSON.
 */
export function fitting<Item extends Listed>(items: readonly Item[]): Item[] {
  let bytes = 0
  const end = items.findIndex(({ message }, index) => {
    bytes += Buffer.byteLength(JSON.stringify(message)) + 1
    return index > 0 && bytes > PAGE_BYTES_MAX
  })
  return end === -1 ? [...items] : items.slice(0, end)
}
