import { join } from 'node:path'
import { isAppError } from '@mumega/errors'
import { ownAdminUrl } from '@mumega/local/admin-url'
import { serviceDir } from '@mumega/local/paths'
import { runCommand } from '@mumega/local/processes'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { findLogKey } from './log-key.ts'
import { readRunFile } from './run-file.ts'

// Some alterations, each bounded by the drill itself.
const DRILL_MS_MAX = 3_600_000

export const drill: Command = {
  name: 'drill',
  help: `mumega drill tamper [--mib <number>]
    Copies the ledger of the local run into a database of its own, alters one value after the other
    there, and tells how soon the scrubber found each. The ledger itself is only read. A log of more
    than 2048 MiB, or what --mib says, is not copied.
    Exit code: 0 all detected; 1 something was not, or the drill could not be held.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, { mib: { type: 'string' } })
    const what = onlyArgument(positionals, 'what to drill, `tamper`')
    if (what !== 'tamper') throw usageError(`There is no drill "${what}", only \`tamper\`.`)
    const { mib } = values
    if (mib !== undefined && !/^[1-9]\d{0,5}$/.test(mib)) {
      throw usageError('--mib is a number of MiB, from 1 to 999999.')
    }
    await readRunFile(config)
    const dataDir = config.MUMEGA_DATA_DIR
    const folder = serviceDir('audit-ledger')
    const program = join(folder, 'dist', 'src', 'drill', 'main.js')
    const ended = await runCommand(process.execPath, ['--enable-source-maps', program], {
      cwd: folder,
      env: {
        DATABASE_URL: adminUrlOf(config),
        LEDGER_VKEY: (await findLogKey(undefined, config)).vkey,
        LEDGER_CHECKPOINT_FILE:
          config.LEDGER_CHECKPOINT_FILE ?? join(dataDir, 'ledger.key.checkpoint'),
        ...(mib !== undefined && { DRILL_MIB_MAX: mib }),
        // What it finds is what it is for: the report says it.
        LOG_LEVEL: 'silent',
      },
      timeoutMs: DRILL_MS_MAX,
    })
    if (ended.stdout === '') throw new CommandError(EXIT_FAILED, ended.stderr.trim())
    return { exitCode: ended.code ?? EXIT_FAILED, output: ended.stdout }
  },
}

function adminUrlOf({ DATABASE_URL, MUMEGA_DATA_DIR }: Config): string {
  if (DATABASE_URL !== undefined) return DATABASE_URL
  try {
    return ownAdminUrl(MUMEGA_DATA_DIR)
  } catch (error) {
    if (!isAppError(error)) throw error
    throw new CommandError(EXIT_FAILED, error.message, { cause: error })
  }
}
