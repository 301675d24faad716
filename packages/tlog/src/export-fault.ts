import type { ReceiptStatus } from './receipt.ts'

/**
 * What is known of an export: as of a receipt. `redacted` is `valid` with payloads that were
 * erased. `unproved`: what is in the file is true, and something that it says is not proven by it.
 */
export type ExportStatus = ReceiptStatus | 'unproved'

/** What ends the audit of an export with a verdict. */
export class Fault extends Error {
  readonly status: ExportStatus

  constructor(status: ExportStatus, message: string) {
    super(message)
    this.status = status
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
