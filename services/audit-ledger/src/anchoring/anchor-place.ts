/** Where anchors are copied to, outside the database, and can only be added. */
export interface AnchorPlace {
  /** In figures, findings and health. */
  readonly name: 'folder' | 'bucket'
  /** Copies that are made at once, at most. */
  readonly width: number
  /** What is read again in one look, at most, and the real milliseconds between two looks. */
  readonly lookCopies: number
  readonly lookMs: number
  /** Milliseconds to which failures back off. */
  readonly backOffMsMax: number
  /**
   * Makes sure that copies can be made here, for this log, and will be kept. Safe to call again.
   *
   * @throws PlaceFault
   */
  open(signal: AbortSignal): Promise<void>
  /** What stands under a name; undefined when nothing does. @throws PlaceFault */
  read(name: string, signal: AbortSignal): Promise<Buffer | undefined>
  /**
   * Writes bytes under a name where nothing stands yet, for good when it resolves, and returns what
   * stands there then. Safe to call twice, and by several at once.
   *
   * @throws PlaceFault; whether it was written is not known then
   */
  keep(name: string, bytes: Buffer, signal: AbortSignal): Promise<Buffer | undefined>
  close(): void
}

/** Why copies cannot be made or read now, in words for an operator. */
export class PlaceFault extends Error {
  /** Whether only a change of settings or rights helps, and waiting does not. */
  readonly isFinal: boolean

  constructor(message: string, options: { isFinal?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'PlaceFault'
    this.isFinal = options.isFinal ?? false
  }
}

/** Names the log whose anchors stand beside it: its vkey, with which they are verified. */
export const LOG_FILE = 'log.vkey'
/** No note of an anchor is as long: it has three lines and one signature. */
export const COPY_BYTES_MAX = 4_096

const FOLDER_COPIES = 1_000

/** Under which name the copy of an anchor stands, at most 1,000 in a folder. */
export function copyName(anchor: number): string {
  const folder = Math.floor(anchor / FOLDER_COPIES)
  return `${String(folder).padStart(9, '0')}/${String(anchor).padStart(12, '0')}.note`
}

/** Writes the name of the log, or compares it with what stands there. @throws PlaceFault */
export async function claimPlace(
  place: Pick<AnchorPlace, 'keep'>,
  vkey: string,
  signal: AbortSignal,
): Promise<void> {
  const own = Buffer.from(`${vkey}\n`)
  const found = await place.keep(LOG_FILE, own, signal)
  if (found?.equals(own) === true) return
  const whose = found?.toString('latin1').trim().slice(0, 200) ?? 'nobody'
  const remedy = 'give each log a place of its own'
  throw new PlaceFault(`holds the anchors of another log, ${whose}; ${remedy}`, { isFinal: true })
}
