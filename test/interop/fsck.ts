import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildGo } from './go-module.ts'
import { TESSERA, type PublishedLog } from './hammer.ts'
import { runCommand } from './run-command.ts'

const FSCK_MS_MAX = 120_000

/** Tessera's fsck, built at the version of the harness. @throws NotHere */
export function buildFsck(): Promise<string> {
  return buildGo('tessera', `${TESSERA}/cmd/fsck`)
}

/** Runs fsck over the log as it is served then; what it says. The folder is for the log's key. */
export function openFsck(
  log: PublishedLog,
  { program, folder }: { program: string; folder: string },
): () => Promise<string> {
  const keyFile = join(folder, 'vkey')
  writeFileSync(keyFile, log.vkey)
  const words = [
    `--storage_url=${log.readUrl}`,
    `--public_key=${keyFile}`,
    `--bearer_token=${log.bearerToken ?? ''}`,
    ...['--ui=false', '--N=4'],
  ]
  return async () => (await runCommand(program, words, { timeoutMs: FSCK_MS_MAX })).output
}
