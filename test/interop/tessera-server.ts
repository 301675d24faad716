import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@mumega/local/ports'
import { eventually } from '@mumega/testkit'
import { ED25519, generateVkey, signerFromSeed } from '@mumega/tlog/note'
import { buildGo } from './go-module.ts'
import { ended, publishedSize, TESSERA, type HammeredLog, type Started } from './hammer.ts'

const NAME = 'tessera.example/log'

/** Tessera's conformance server on POSIX files, at the version of the harness. @throws NotHere */
export function buildTesseraServer(): Promise<string> {
  return buildGo('tessera', `${TESSERA}/cmd/conformance/posix`)
}

export interface ServerOptions {
  /** Made by the server; on the disk that is measured. */
  readonly folder: string
  /** With its persistent store of what was added before. */
  readonly hasAntispam: boolean
}

/**
 * Starts it with a fresh log and a first checkpoint. It answers `POST /add` when the entry has its
 * index in a bundle that was written with O_SYNC, whose folder was synced: durable, as ours. It
 * promises no order inside a batch; and it tells duplicates by their content, within a window of
 * 262,144 in memory, or with antispam in a store that follows behind the log and is not synced.
 */
export async function startTesseraServer(
  program: string,
  { folder, hasAntispam }: ServerOptions,
): Promise<Started> {
  mkdirSync(folder, { recursive: true })
  const seed = randomBytes(32)
  const vkey = generateVkey(NAME, signerFromSeed(NAME, seed).publicKey)
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, privateKeyOf(vkey, seed), { mode: 0o600 })
  const port = await freePort()
  const words = [
    `--storage_dir=${join(folder, 'log')}`,
    `--listen=127.0.0.1:${port}`,
    `--private_key=${keyFile}`,
    ...(hasAntispam ? ['--antispam'] : []),
  ]
  const server = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore'] })
  const url = `http://127.0.0.1:${port}/`
  const log: HammeredLog = { readUrl: url, writeUrl: url, vkey }
  try {
    await eventually(() => publishFirst(log), { what: 'a first checkpoint' })
  } catch (error) {
    await ended(server)
    throw error
  }
  return { log, stop: () => ended(server) }
}

/** Whether there is a checkpoint: the hammer wants one before it begins. */
async function publishFirst(log: HammeredLog): Promise<boolean | undefined> {
  try {
    const size = await publishedSize(log)
    if (size !== undefined && size > 0) return true
    await fetch(`${log.writeUrl}add`, { method: 'POST', body: 'the first' })
  } catch (error) {
    // Until it listens.
    if (!(error instanceof TypeError)) throw error
  }
  return undefined
}

/** As Go's sumdb/note writes it: `PRIVATE+KEY+<name>+<id>+<base64(type ‖ seed)>`. */
function privateKeyOf(vkey: string, seed: Buffer): string {
  const [, id] = vkey.split('+')
  const key = Buffer.concat([Buffer.of(ED25519), seed]).toString('base64')
  return `PRIVATE+KEY+${NAME}+${id}+${key}`
}
