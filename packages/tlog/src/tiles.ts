/** Hashes of a full tile, and entries of a full bundle: 2^8. */
export const TILE_WIDTH = 256

/** Bytes of one entry in a bundle at most: its length is a uint16. */
export const BUNDLE_ENTRY_BYTES_MAX = 65_535

const HASH_BYTES = 32
const LEVEL_MAX = 63

/** Names a hash tile (`level` 0–63) or an entry bundle (`level` `entries`). */
export interface TileName {
  readonly level: number | 'entries'
  readonly index: number
  /** Hashes or entries in it, 1–256; below 256 it is a partial one. */
  readonly width: number
}

/**
 * How many full tiles a level has in a tree of some size, and how wide the partial one after them
 * is.
 */
export interface TileLevel {
  readonly level: number
  readonly full: number
  /** 0 when there is none. */
  readonly partialWidth: number
}

/**
 * The path under which a C2SP tlog-tiles log serves it. Throws RangeError for a name that cannot
 * be.
 */
export function tilePath(tile: TileName): string {
  const { level, index, width } = tile
  const isLevel =
    level === 'entries' || (Number.isInteger(level) && level >= 0 && level <= LEVEL_MAX)
  if (!isLevel || !Number.isSafeInteger(index) || index < 0) {
    throw new RangeError('a tile has a level of 0 to 63 and an index')
  }
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new RangeError('a tile is 1 to 256 wide')
  }
  return `tile/${level}/${groupDigits(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** The tile that `tilePath` gives this path; undefined for any other text. */
export function parseTilePath(path: string): TileName | undefined {
  const pattern =
    /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/
  const [, levelText, digits, widthText] = pattern.exec(path) ?? []
  if (levelText === undefined || digits === undefined) return undefined
  const tile: TileName = {
    level: levelText === 'entries' ? levelText : Number(levelText),
    index: Number(digits.replaceAll(/[x/]/g, '')),
    width: widthText === undefined ? TILE_WIDTH : Number(widthText),
  }
  // One spelling only: no leading zeros, no partial tile of full width, no width 0.
  if (tile.width < 1 || !Number.isSafeInteger(tile.index)) return undefined
  if (tile.width > TILE_WIDTH || (tile.level !== 'entries' && tile.level > LEVEL_MAX)) {
    return undefined
  }
  return tilePath(tile) === path ? tile : undefined
}

// 1234067 is x001/x234/067: a folder never holds more than a thousand names.
function groupDigits(index: number): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  return padded.replaceAll(/(...)(?=.)/g, 'x$1/')
}

/**
 * Every level that a tree of `size` leaves has, from 0 upward; a bundle is named like a tile of
 * level 0. A level's hash counts only once its 256^level leaves are all there.
 */
export function tileLevels(size: number): TileLevel[] {
  const levels: TileLevel[] = []
  for (let [level, hashes] = [0, size]; hashes > 0; level += 1) {
    const full = Math.floor(hashes / TILE_WIDTH)
    levels.push({ level, full, partialWidth: hashes % TILE_WIDTH })
    hashes = full
  }
  return levels
}

/**
 * How many hashes tile `index` of `level` holds in a tree of `size` leaves: 0 when it does not
 * exist.
 */
export function tileWidth(size: number, tile: { level: number; index: number }): number {
  const hashes = Math.floor(size / TILE_WIDTH ** tile.level)
  return Math.min(TILE_WIDTH, Math.max(0, hashes - tile.index * TILE_WIDTH))
}

/** The bytes of a hash tile: 1 to 256 hashes side by side. */
export function encodeHashTile(hashes: readonly Uint8Array[]): Buffer {
  checkWidth(hashes.length)
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new RangeError('a hash tile holds hashes of 32 bytes')
  }
  return Buffer.concat(hashes)
}

/** The hashes of a tile of at least `width`; a full tile serves for every partial one before it. */
export function decodeHashTile(bytes: Uint8Array, width: number): Buffer[] {
  checkWidth(width)
  const buffer = Buffer.from(bytes)
  if (buffer.length % HASH_BYTES !== 0 || buffer.length > TILE_WIDTH * HASH_BYTES) {
    throw new RangeError('a hash tile is at most 256 hashes of 32 bytes')
  }
  if (buffer.length < width * HASH_BYTES) throw new RangeError('the hash tile is too short')
  return Array.from({ length: width }, (_, at) =>
    buffer.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  )
}

/** The bytes of an entry bundle: each entry after its length (uint16, big endian). */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Buffer {
  checkWidth(entries.length)
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > BUNDLE_ENTRY_BYTES_MAX) throw new RangeError('the entry is too long')
      const length = Buffer.alloc(2)
      length.writeUInt16BE(entry.length)
      return [length, entry]
    }),
  )
}

/**
 * The first `width` entries of a bundle, which must hold at least as many and end with an entry.
 */
export function decodeEntryBundle(bytes: Uint8Array, width: number): Buffer[] {
  checkWidth(width)
  const buffer = Buffer.from(bytes)
  const entries: Buffer[] = []
  for (let at = 0; at < buffer.length;) {
    const end = at + 2 <= buffer.length ? at + 2 + buffer.readUInt16BE(at) : Infinity
    if (end > buffer.length) throw new RangeError('the entry bundle is cut off')
    entries.push(buffer.subarray(at + 2, end))
    at = end
    if (entries.length > TILE_WIDTH) throw new RangeError('a bundle holds at most 256 entries')
  }
  if (entries.length < width) throw new RangeError('the entry bundle is too short')
  return entries.slice(0, width)
}

function checkWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new RangeError('a tile or bundle is 1 to 256 wide')
  }
}
