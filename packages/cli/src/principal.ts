import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { PrincipalId } from '@mumega/contracts/principals'
import { generateVkey, signNote, type Signer } from '@mumega/tlog/note'
import { rotationText } from '@mumega/tlog/rotation'
import { generateSignerKey, parseSignerKey } from '@mumega/tlog/signer-key'
import { isStatement } from '@mumega/tlog/statement'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, EXIT_NO_OUTPUT, usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { changeStatus, listAll, showOne } from './principal-status.ts'
import { keyFileOf, readSigner } from './read-signer.ts'
import { readInput } from './read-input.ts'
import { runVerb } from './verbs.ts'

const OPTIONS = {
  key: { type: 'string' },
  next: { type: 'string' },
  url: { type: 'string' },
  print: { type: 'boolean' },
} as const

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
mumega principal list
mumega principal show <principal>
mumega principal suspend|reinstate <principal> --reason <text>
    Acts as a principal, whose key is in a file of its owner alone and leaves it for nobody. \`new\`
    makes one, \`vkey\` prints the public key. \`sign\` prints a statement, read from a file or the
    standard input, as a signed note. \`rotate\` has the key give its place to the next one: at the
    gateway of the local run, else at that of --url, with the token in MUMEGA_TOKEN; or prints the
    note with --print. The others ask there who the principals are, and change whether what they
    sign counts; the answer as it is with --json.
    Exit code: 0 done, 1 refused or no answer.`,

  run: runVerb('principal', {
    new: async (args) => {
      const { values, positionals } = parseCommand(args, OPTIONS)
      return makeKey(onlyArgument(positionals, 'a principal'), keyFileOf(values))
    },
    vkey: async (args, config) => {
      const { signer, positionals } = await signerOf(args, config)
      if (positionals.length > 0) throw usageError('`mumega principal vkey` takes options only.')
      return { exitCode: 0, output: `${vkeyOf(signer)}\n` }
    },
    sign: async (args, config) => {
      const { signer, positionals } = await signerOf(args, config)
      return sign(positionals, signer, config)
    },
    rotate: async (args, config) => {
      const { signer, positionals, values } = await signerOf(args, config)
      if (positionals.length > 0) throw usageError('`mumega principal rotate` takes options only.')
      return rotate(signer, values, config)
    },
    list: listAll,
    show: showOne,
    suspend: changeStatus('suspend'),
    reinstate: changeStatus('reinstate'),
  }),
}

async function signerOf(args: readonly string[], config: Config) {
  const parsed = parseCommand(args, OPTIONS)
  return { ...parsed, signer: await readSigner(keyFileOf(parsed.values), config) }
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
  const path = rest.length === 0 ? '-' : onlyArgument(rest, 'a statement')
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
      needs: anyTokenWith('objectives:write'),
    },
    config,
  )
  if (key.vkey !== vkeyOf(to)) {
    throw new CommandError(EXIT_FAILED, 'The gateway says that another key is in its place now.')
  }
  return { exitCode: 0, output: `${principalId} has key ${key.number} now: ${key.vkey}\n` }
}
