/**
 * Where `found` is not what `wanted` asked for, as one sentence each. Options that were not asked
 * for may be anything; one that the server leaves out counts as its zero value, which is how it
 * writes "false", 0 and "no limit".
 */
export function differences(place: string, wanted: object, found: object): string[] {
  const actual = new Map<string, unknown>(Object.entries(found))
  return Object.entries(wanted).flatMap(([option, asked]) => {
    const has = actual.get(option)
    if (isSame(asked, has)) return []
    return [`${place}.${option} is ${JSON.stringify(has)}, not ${JSON.stringify(asked)}`]
  })
}

function isSame(asked: unknown, has: unknown): boolean {
  if (has === undefined) return asked === false || asked === 0
  if (typeof asked !== 'object' || asked === null) return asked === has
  if (typeof has !== 'object' || has === null) return false
  if (Array.isArray(asked)) return JSON.stringify(asked) === JSON.stringify(has)
  return differences('', asked, has).length === 0
}
