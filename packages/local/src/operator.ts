import { join } from 'node:path'
import { AppError } from '@mumega/errors'
import { serviceDir } from './paths.ts'
import { runCommand } from './processes.ts'

const CREATE_MS_MAX = 30_000

/**
 * The first operator's token, or undefined when there already is one that can be used. Nothing but
 * its hash is kept, so that whoever asked must show it now.
 *
 * @throws local.no-operator
 */
export async function createOperator(
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const program = join(serviceDir('gateway'), 'dist', 'create-operator.mjs')
  const ended = await runCommand(process.execPath, [program], {
    cwd: serviceDir('gateway'),
    env: { ...environment },
    timeoutMs: CREATE_MS_MAX,
  })
  const answer = ended.code === 0 ? parseAnswer(ended.stdout) : undefined
  if (answer !== undefined) return answer.token
  throw new AppError(
    'local.no-operator',
    'unavailable',
    `The first operator could not be created: ${ended.stderr.trim() || ended.stdout.trim()}`,
  )
}

function parseAnswer(text: string): { token?: string } | undefined {
  const last = text.trim().split('\n').at(-1) ?? ''
  try {
    const answer = JSON.parse(last) as { created?: unknown; token?: unknown }
    if (answer.created === false) return {}
    if (answer.created === true && typeof answer.token === 'string') return { token: answer.token }
  } catch {
    // Said below: what came is no answer.
  }
  return undefined
}
