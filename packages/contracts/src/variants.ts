import { Settings } from 'typebox/system'

/** What is said of a value that breaks its schema: the members of a TypeBox error that count. */
export interface SchemaComplaint {
  readonly keyword?: string
  readonly schemaPath?: string
  readonly instancePath?: string
  readonly params?: object
  readonly message?: string
}

// A value that may be one of several kinds of object is complained of once for each. Of eight,
// which is usual, those of the kind that it is meant to be may be missing.
Settings.Set({ maxErrors: 100 })

/** More than any list of a contract may have, and any list within one. */
const ITEMS_MAX = 1_001
const INNER_ITEMS_MAX = 101
/** More than any contract goes down to. */
const DEPTH_MAX = 16

/**
 * What a compiled schema complains of, for whoever is to mend it. To name the items that a list has
 * twice TypeBox takes the square of its length, so it is shown the beginning of one that is too
 * long whatever is in it.
 */
export function complaintsOf(
  validator: { Errors(value: unknown): readonly SchemaComplaint[] },
  value: unknown,
): readonly SchemaComplaint[] {
  // eslint-disable-next-line no-restricted-syntax -- this is what everybody else takes
  return validator.Errors(shortened(value, { depth: DEPTH_MAX, items: ITEMS_MAX }))
}

/** What is deeper than any contract is left out: TypeBox would go down all of it. */
function shortened(value: unknown, most: { depth: number; items: number }): unknown {
  if (typeof value !== 'object' || value === null) return value
  const depth = most.depth - 1
  if (Array.isArray(value)) {
    if (depth < 0) return []
    const inner = { depth, items: INNER_ITEMS_MAX }
    return value.slice(0, most.items).map((item) => shortened(item, inner))
  }
  if (depth < 0) return {}
  const entries = Object.entries(value).map(([name, one]) => [
    name,
    shortened(one, { ...most, depth }),
  ])
  return Object.fromEntries(entries) as unknown
}

// Of a field that says which kind an object is: `kind` of `…/anyOf/2/properties/kind`.
const TELLING = /^(.*\/anyOf)\/[0-9]+(?=\/properties\/[^/]+$)/

const BRANCH = /^(.*\/anyOf)\/[0-9]+$/

/**
 * Leaves out what is said of the kinds of object that a value is not, as its own field tells which
 * it is; where it tells none, what is left says so.
 */
export function ofItsVariant(complaints: readonly SchemaComplaint[]): readonly SchemaComplaint[] {
  const telling = complaints.filter(
    ({ keyword, schemaPath = '' }) => keyword === 'const' && TELLING.test(schemaPath),
  )
  const others = telling.map(({ schemaPath = '' }) => TELLING.exec(schemaPath)?.[0] ?? '')
  const isOf = (branch: string) => (complaint: SchemaComplaint) =>
    `${complaint.schemaPath}/`.startsWith(`${branch}/`)
  const left = complaints.filter((complaint) => !others.some((branch) => isOf(branch)(complaint)))
  const unions = new Set(telling.map(({ schemaPath = '' }) => TELLING.exec(schemaPath)?.[1] ?? ''))
  const untold = [...unions].filter((union) => !left.some(isOf(union)))
  const ofNone = telling.filter((complaint) => untold.some((union) => isOf(union)(complaint)))
  if (ofNone.length > 0) return ofNone
  const untelling = missingInAll(left)
  return untelling === undefined ? left : [untelling]
}

/** The field that every kind of object has and the value has not: it would tell which it is. */
function missingInAll(complaints: readonly SchemaComplaint[]): SchemaComplaint | undefined {
  const missing = complaints.filter(
    ({ keyword, schemaPath = '' }) => keyword === 'required' && BRANCH.test(schemaPath),
  )
  const [first] = missing
  if (first === undefined || missing.length < 2) return undefined
  const union = BRANCH.exec(first.schemaPath ?? '')?.[1]
  const isOfUnion = missing.every(({ schemaPath = '' }) => BRANCH.exec(schemaPath)?.[1] === union)
  const common = requiredBy(first).find((name) =>
    missing.every((complaint) => requiredBy(complaint).includes(name)),
  )
  if (!isOfUnion || common === undefined) return undefined
  return { ...first, params: { requiredProperties: [common] } }
}

function requiredBy({ params }: SchemaComplaint): string[] {
  return params !== undefined && 'requiredProperties' in params
    ? (params.requiredProperties as string[])
    : []
}
