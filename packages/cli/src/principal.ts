import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { PrincipalId } from '@mumega/contracts/principals'
import { generateVkey, signNote, type Signer } from '@mumega/tlog/note'
import { rotationText } from '@mumega/tlog/rotation'
import { generateSignerKey, parseSignerKey } from '@mumega/tlog/signer-key'
import { isStatement } from '@mumega/tlog/statement'
import { askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_NO_OUTPUT, usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { keyFileOf, readSigner } from './read-signer.ts'
import { readInput } from './read-input.ts'

const OPTIONS = {
  key: { type: 'string' },
  next: { type: 'string' },
  url: { type: 'string' },
  print: { type: 'boolean' },
} as const

const VERBS: readonly string[] = ['new', 'vkey', 'sign', 'rotate']
const SEED_BYTES = 32
const Rotated = Type.Object({
  key: Type.Object({ number: Type.Integer(), vkey: Type.String() }),
})

export const principal: Command = {
  name: 'principal',
  help: `mumega principal new <agent.name|human.name> --key <file>
mumega principal vkey --key <file>
mumega principal sign [<statement>] --key <file>
mumega principal rotate --key <file> --next <file> [--url <gateway>] [--print]
    Acts as a principal, whose key is in a file and leaves it for nobody. \`new\` makes one, \`vkey\`
    prints the public key. \`sign\` prints a statement, read from a file or the standard input, as a
    signed note. \`rotate\` has the key give its place to the next one: at the gateway of the local
    run, else at that of --url, with the token in MUMEGA_TOKEN; or prints the note with --print.
    Exit code: 0 done, 1 refused or no answer.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const [what = '', ...rest] = positionals
    if (!VERBS.includes(what)) {
      throw usageError('It is `mumega principal new`, `vkey`, `sign` or `rotate`.')
    }
    if (what === 'new') return makeKey(onlyArgument(rest, 'a principal'), keyFileOf(values))
    const signer = await readSigner(keyFileOf(values), config)
    if (what === 'sign') return sign(rest, signer, config)
    if (rest.length > 0) throw usageError(`\`mumega principal ${what}\` takes options only.`)
    if (what === 'rotate') return rotate(signer, values, config)
    return { exitCode: 0, output: `${vkeyOf(signer)}\n` }
  },
}

function makeKey(principalId: string, path: string): Outcome {
  if (!Value.Check(PrincipalId, principalId)) {
    throw usageError('A principal is named agent.<name> or human.<name>.')
  }
  const text = generateSignerKey(principalId, randomBytes(SEED_BYTES))
  writeNew(path, `${text}\n`)
  return { exitCode: 0, output: `${vkeyOf(parseSignerKey(text))}\n` }
}

/** Never over a file that is there: it may be the only copy of a key. */
function writeNew(path: string, text: string): void {
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      writeFileSync(file, text, { flush: true })
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(EXIT_NO_OUTPUT, `The key was not written: ${why}.`, { cause })
  }
}

const vkeyOf = ({ name, publicKey }: Signer) => generateVkey(name, publicKey)

/** Nothing but a statement is signed: whatever else it is could be meant for something else. */
async function sign(rest: readonly string[], signer: Signer, config: Config): Promise<Outcome> {
  const path = rest.length === 0 ? '/dev/stdin' : onlyArgument(rest, 'a statement')
  const bytes = await readInput(path, config)
  const text = bytes.toString('utf8')
  // What is no UTF-8 would be signed as something else.
  if (!Buffer.from(text).equals(bytes) || !isStatement(text)) {
    throw usageError(
      'This is no statement: mumega/<kind>/v1, then lines of a name and its value as canonical JSON.',
    )
  }
  return { exitCode: 0, output: signNote(text, signer) }
}

interface RotationOptions {
  readonly next?: string | undefined
  readonly url?: string | undefined
  readonly print?: boolean | undefined
}

async function rotate(from: Signer, options: RotationOptions, config: Config): Promise<Outcome> {
  if (options.next === undefined) throw usageError('Name the file of the next key with --next.')
  const to = await readSigner(options.next, config)
  const principalId = from.name
  if (to.name !== principalId)
    throw usageError(`The next key is ${to.name}’s, not ${principalId}’s.`)
  const text = rotationText({ principalId, from: vkeyOf(from), to: vkeyOf(to) })
  const note = signNote(text, from) + signNote(text, to).slice(text.length + 1)
  if (options.print === true) return { exitCode: 0, output: note }
  const { key } = await askGateway(
    {
      path: `/v1/principals/${principalId}/keys`,
      url: options.url,
      body: { vkey: vkeyOf(to), note },
      reply: Rotated,
      what: 'no principal',
      needs: 'a token with the scope objectives:write, of whomever,',
    },
    config,
  )
  return { exitCode: 0, output: `${principalId} has key ${key.number} now: ${key.vkey}\n` }
}
