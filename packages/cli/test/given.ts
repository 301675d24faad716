import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CommandError } from '../src/command-error.ts'
import { runProgram } from '../src/program.ts'
import { formatCheckpoint } from '@mumega/tlog/checkpoint'
import {
  commitPayload,
  decodeEntry,
  encodeEntry,
  entryHash,
  GENESIS,
  type LeafEntry,
} from '@mumega/tlog/entry'
import { inclusionProof, leafHash, rootOf } from '@mumega/tlog/merkle'
import { COSIGNATURE, cosign, generateVkey, signerFromSeed, signNote } from '@mumega/tlog/note'
import { formatProof, parseProof } from '@mumega/tlog/proof-file'
import { textOf } from '@mumega/tlog/witness'

export const PROGRAM = fileURLToPath(new URL('../../bin/mumega.mjs', import.meta.url))

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder of its own in which the real program runs. */
export interface Place {
  readonly folder: string
  write(name: string, text: string | Buffer): string
  mumega(...args: string[]): Promise<Ended>
  /** The same under options of Node. */
  mumegaIn(nodeOptions: string[], ...args: string[]): Promise<Ended>
  /** The same, with more in its environment. */
  mumegaWith(environment: Readonly<Record<string, string>>, args: string[]): Promise<Ended>
  /** Runs a script of the shell in which `mumega` is the real program. */
  shell(script: string): Promise<Ended>
  remove(): void
}

export function givenPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-cli-'))
  return {
    folder,
    write(name, text) {
      writeFileSync(join(folder, name), text)
      return name
    },
    mumega: (...args) => run(folder, [process.execPath, PROGRAM, ...args]),
    mumegaIn: (nodeOptions, ...args) =>
      run(folder, [process.execPath, ...nodeOptions, PROGRAM, ...args]),
    mumegaWith: (environment, args) =>
      run(folder, [process.execPath, PROGRAM, ...args], environment),
    shell: (script) =>
      run(folder, ['sh', '-c', `mumega() { '${process.execPath}' '${PROGRAM}' "$@"; }; ${script}`]),
    remove() {
      rmSync(folder, { recursive: true })
    },
  }
}

export const TOKEN = { MUMEGA_TOKEN: `mmg_agent_${'a'.repeat(43)}` }

/** How a command ends of which nothing may be sent: nobody answers at its URL. */
export async function refusalOf(
  { folder }: Place,
  words: readonly string[],
  token: Readonly<Record<string, string>> = TOKEN,
): Promise<CommandError> {
  const environment = { MUMEGA_DATA_DIR: folder, ...token }
  try {
    await runProgram([...words, '--url', 'http://127.0.0.1:1'], environment)
  } catch (error) {
    if (error instanceof CommandError) return error
    throw error
  }
  throw new Error('it was not refused')
}

function run(
  folder: string,
  [command = '', ...words]: string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      cwd: folder,
      // Nothing of the machine's own run may be found by accident.
      env: { MUMEGA_DATA_DIR: folder, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 50_000,
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', (exitCode) => {
      resolve({ exitCode, stdout, stderr })
    })
  })
}

const log = signerFromSeed('ledger.example.com/main', Buffer.alloc(32, 1))
export const vkey = generateVkey(log.name, log.publicKey)
export const strangerVkey = generateVkey(
  log.name,
  signerFromSeed(log.name, Buffer.alloc(32, 2)).publicKey,
)
export const witnessVkey = generateVkey(log.name, log.publicKey, COSIGNATURE)

const salt = Buffer.alloc(32, 7)
export const disclosure = { salt: salt.toString('hex'), payload: { text: 'hello' } }

/**
 * Entries of one chain, in order; each gets its number, its `prev` and the changes that are asked
 * for.
 */
export function givenEntries(...changes: Partial<LeafEntry>[]): Buffer[] {
  const entries: Buffer[] = []
  for (const [index, change] of changes.entries()) {
    const previous = entries.at(-1)
    entries.push(
      encodeEntry({
        v: 1,
        source: 'bridge',
        id: `0193a0b0-1111-7000-8000-00000000000${index}`,
        chain: 'acme',
        seq: index + 1,
        prev: previous === undefined ? GENESIS : entryHash(previous).toString('hex'),
        time: '2026-11-21T08:00:00.000Z',
        actor: { id: 'agent:kasra', kind: 'agent' },
        action: 'message.accepted',
        target: `message:${index}`,
        phase: 'fact',
        trace: '4bf92f3577b34da6a3ce929d0e0e4736',
        payload: commitPayload(salt, disclosure.payload).toString('hex'),
        ...change,
      }),
    )
  }
  return entries
}

/** One of them, for who makes others of it. */
export function anEntry(): LeafEntry {
  const [bytes] = givenEntries({})
  if (bytes === undefined) throw new Error('one was asked for')
  return decodeEntry(bytes)
}

/**
 * The receipt of one entry under a signed checkpoint of all of them; without `isAnchored`, pending.
 */
export function givenReceipt(entries: Buffer[], index: number, isAnchored = true): string {
  const extra = entries[index]
  if (extra === undefined) throw new Error(`there is no entry ${index}`)
  if (!isAnchored) return formatProof({ extra, index, hashes: [] })
  const leaves = entries.map(leafHash)
  const checkpoint = formatCheckpoint({
    origin: log.name,
    size: entries.length,
    root: rootOf(leaves),
  })
  const hashAt = (level: number, at: number) =>
    rootOf(leaves.slice(at * 2 ** level, (at + 1) * 2 ** level))
  const hashes = inclusionProof(entries.length, index, hashAt)
  return formatProof({ extra, index, hashes, checkpoint: signNote(checkpoint, log) })
}

const witnesses = ['a', 'b'].map((name, nth) =>
  signerFromSeed(`${name}.example`, Buffer.alloc(32, 10 + nth), COSIGNATURE),
)

/** A policy that asks for both witnesses, a and b. */
export const policy = [
  `log ${vkey}`,
  ...witnesses.map(
    ({ name, publicKey }) => `witness ${name} ${generateVkey(name, publicKey, COSIGNATURE)}`,
  ),
  'group both all a.example b.example',
  'quorum both',
  '',
].join('\n')

/** The receipt, cosigned by the first `count` witnesses over the text that `change` makes. */
export function cosigned(receipt: string, count: number, change = (text: string) => text): string {
  const { checkpoint = '' } = parseProof(receipt)
  const text = change(textOf(checkpoint))
  return (
    receipt +
    witnesses
      .slice(0, count)
      .map((w) => cosign(text, w, 1_767_225_600))
      .join('')
  )
}
