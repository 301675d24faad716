import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { CommandError, EXIT_FAILED } from './command-error.ts'
import type { Config } from './config.ts'
import { readInput } from './read-input.ts'

const RunFile = Type.Object({
  gatewayUrl: Type.String({ pattern: '^https?://' }),
  /** Absent or null when the spans of this run go to a collector elsewhere. */
  tracesUrl: Type.Optional(Type.Union([Type.String({ pattern: '^https?://' }), Type.Null()])),
  /** The supervisor's. */
  pid: Type.Integer({ minimum: 1 }),
})
export type RunFile = Static<typeof RunFile>

/**
 * What the supervisor of the local run wrote about it.
 *
 * @throws CommandError of exit code 1 when nothing runs here
 */
export async function readRunFile(config: Config): Promise<RunFile> {
  const path = join(config.MUMEGA_DATA_DIR, 'run.json')
  if (!existsSync(path)) throw notRunning(`${path} does not exist`)
  const run = parseRunFile((await readInput(path, config)).toString('utf8'))
  if (run === undefined) {
    throw new CommandError(EXIT_FAILED, `${path} is damaged. Stop the suite and start it again.`)
  }
  if (!isAlive(run.pid)) throw notRunning(`process ${run.pid} of ${path} has ended`)
  return run
}

function parseRunFile(text: string): RunFile | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (!Value.Check(RunFile, value)) return undefined
    const { gatewayUrl, tracesUrl } = value
    if (![gatewayUrl, tracesUrl ?? gatewayUrl].every((url) => URL.canParse(url))) return undefined
    return {
      ...{ ...value, gatewayUrl: shownUrl(gatewayUrl) },
      ...(typeof tracesUrl === 'string' && { tracesUrl: shownUrl(tracesUrl) }),
    }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Without a user and a password: it is shown, and no server here asks for them in its URL. */
function shownUrl(url: string): string {
  return url.replace(/^(https?:\/\/)[^/?#\\]*@/, '$1')
}

function notRunning(why: string): CommandError {
  return new CommandError(
    EXIT_FAILED,
    `Mumega does not run here: ${why}. Start it with \`npm start\`, or name its data folder in ` +
      'MUMEGA_DATA_DIR.',
  )
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // A process of another user may not be signalled, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
