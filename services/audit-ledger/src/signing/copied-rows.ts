// COPY's binary form: a signature of eleven bytes, flags, the length of an extension; then each row
// as its number of fields and each field behind its length; at the end -1 (PostgreSQL's manual,
// COPY, Binary Format).
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const FLAGS_BYTES = 4

/**
 * The rows of a binary COPY; a field is undefined where it is null. Throws RangeError when the
 * bytes are torn.
 */
export function copiedRows(bytes: Buffer): (Buffer | undefined)[][] {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    throw new RangeError('this is no binary COPY')
  }
  let at = SIGNATURE.length + FLAGS_BYTES
  at += 4 + bytes.readInt32BE(at)
  const rows: (Buffer | undefined)[][] = []
  for (;;) {
    const fields = bytes.readInt16BE(at)
    at += 2
    if (fields === -1) return rows
    const row: (Buffer | undefined)[] = []
    for (let nth = 0; nth < fields; nth += 1) {
      const length = bytes.readInt32BE(at)
      at += 4
      row.push(length === -1 ? undefined : bytes.subarray(at, at + length))
      at += Math.max(0, length)
    }
    rows.push(row)
  }
}
