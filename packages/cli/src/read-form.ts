import { Type, type Static, type TObject, type TProperties } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { faultOf } from '@mumega/contracts/faults'
import { complaintsOf } from '@mumega/contracts/variants'
import { TenantId } from '@mumega/contracts/scalars'
import { parseExactJson } from '@mumega/tlog/exact-json'
import { usageError } from './command-error.ts'
import { parseCommand } from './command.ts'

type Names<Properties> = { readonly [Field in keyof Properties]?: string }

/** What a command takes, as the fields of a contract. */
export interface Form<Properties extends TProperties> {
  readonly fields: Properties
  /** The arguments in their order, as the user knows them: `{ sprintId: 'a sprint' }`. */
  readonly words?: Names<Properties>
  /** Options by their fields: `{ testsRun: 'tests-run' }`. Lists may be given several times. */
  readonly options?: Names<Properties>
}

export interface Filled<Properties extends TProperties> {
  readonly fields: Static<TObject<Properties>>
  readonly url: string | undefined
  readonly json: boolean
}

/** Of which tenant; that of the token where none is named. */
export const ofTenant = { tenantId: Type.Optional(TenantId) }

const INTEGER = /^-?[0-9]{1,15}$/
const PAIR = /^([^=]+)=(-?[0-9]+(?:\.[0-9]+)?)$/

/**
 * The fields that the words and options of a command line give, by the schemas of the contract,
 * with `--url` and `--json`, which every such command takes.
 *
 * @throws CommandError of exit code 64 naming the word or option that is wrong
 */
export function readForm<Properties extends TProperties>(
  args: readonly string[],
  form: Form<Properties>,
): Filled<Properties> {
  const { values, positionals } = parseCommand(args, optionsOf(form), { allowNegative: true })
  const words = entriesOf(form.words)
  const extra = positionals.slice(words.length)
  if (extra.length > 0) throw usageError(`${extra.join(' ')} is more than is expected.`)
  const given: Record<string, unknown> = {}
  for (const [nth, [field]] of words.entries()) {
    if (positionals[nth] !== undefined) given[field] = valueOf(form, field, positionals[nth])
  }
  for (const [field, option] of entriesOf(form.options)) {
    if (values[option] !== undefined) given[field] = valueOf(form, field, values[option])
  }
  const { url, json } = values
  const fields = checked(form, given)
  return { fields, url: typeof url === 'string' ? url : undefined, json: json === true }
}

function optionsOf<Properties extends TProperties>(form: Form<Properties>) {
  const options = entriesOf(form.options).map(([field, option]) => {
    const type = typeOf(form, field)
    const isMany = type === 'array' || type === 'object'
    return [option, { type: type === 'boolean' ? 'boolean' : 'string', multiple: isMany }] as const
  })
  return {
    ...Object.fromEntries(options),
    ...{ url: { type: 'string' }, json: { type: 'boolean' } },
  } as Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>
}

const entriesOf = (names: Names<TProperties> = {}) => Object.entries(names) as [string, string][]

function typeOf<Properties extends TProperties>({ fields }: Form<Properties>, field: string) {
  const schema = fields[field]
  return schema !== undefined && 'type' in schema ? schema.type : undefined
}

/** What the text says; the text itself where that is nothing of this type, for the check. */
function valueOf<Properties extends TProperties>(
  form: Form<Properties>,
  field: string,
  text: unknown,
): unknown {
  const type = typeOf(form, field)
  if (type === 'integer' && typeof text === 'string' && INTEGER.test(text)) return Number(text)
  if (type === 'object' && Array.isArray(text))
    return pairsOf(text as string[], nameOf(form, field))
  return text
}

/** `name=number`, several of them. */
function pairsOf(texts: readonly string[], option: string): Record<string, number> {
  const pairs = texts.map((text): [string, number] => {
    const [, name, number] = PAIR.exec(text) ?? []
    if (name === undefined) throw usageError(`${option} is <name>=<number>.`)
    return [name, exactNumber(number ?? '', option)]
  })
  const names = new Set(pairs.map(([name]) => name))
  if (names.size < pairs.length) throw usageError(`${option} gives one name more than once.`)
  return Object.fromEntries(pairs)
}

function exactNumber(text: string, option: string): number {
  try {
    return Number(parseExactJson(text))
  } catch {
    throw usageError(`${option} has a number that would not be kept as it is written.`)
  }
}

function checked<Properties extends TProperties>(
  form: Form<Properties>,
  given: Record<string, unknown>,
): Static<TObject<Properties>> {
  for (const [field, word] of entriesOf(form.words)) checkWord(form.fields, { field, word }, given)
  const schema = Type.Object(form.fields)
  if (Value.Check(schema, given)) return given
  const { field, reason } = faultOf(complaintsOf(Compile(schema), given), 'command')
  const [first = '', ...rest] = field.split('.')
  throw usageError(`${[nameOf(form, first), ...rest].join('.')} ${reason}.`)
}

/** What the options are of is told before what is wrong with them. */
function checkWord(
  fields: TProperties,
  { field, word }: { field: string; word: string },
  given: Record<string, unknown>,
): void {
  const schema = Type.Object({ [field]: fields[field] ?? Type.Unknown() })
  if (Value.Check(schema, given)) return
  const { reason } = faultOf(complaintsOf(Compile(schema), given), field)
  throw usageError(field in given ? `Name ${word}: it ${reason}.` : `Name ${word}.`)
}

function nameOf<Properties extends TProperties>(form: Form<Properties>, field: string): string {
  return `--${form.options?.[field] ?? field}`
}
