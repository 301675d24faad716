import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import { parseCommand, type Command, type Outcome } from './command.ts'
import { getJson } from './get-json.ts'
import { printable, printableJson } from './printable.ts'
import { readRunFile } from './run-file.ts'

// Ready or not, the answer has them; the rest of it differs (503 is an RFC 9457 problem).
const Readiness = Type.Object({
  dependencies: Type.Array(
    Type.Object({
      name: Type.String(),
      status: Type.String(),
      reason: Type.Optional(Type.String()),
      latencyMs: Type.Optional(Type.Number()),
    }),
    { maxItems: 1_000 },
  ),
})
type Readiness = Static<typeof Readiness>

export const status: Command = {
  name: 'status',
  help: `mumega status [--json]
    Asks the gateway of the local run how everything that it depends on is.
    Exit code: 0 ready, 1 not ready or nothing runs.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, { json: { type: 'boolean' } })
    if (positionals.length > 0) throw usageError('`mumega status` takes no argument.')
    const { gatewayUrl } = await readRunFile(config)
    const url = `${gatewayUrl.replace(/\/$/, '')}/readyz`
    const answer = await getJson(url, 'The gateway')
    if (!Value.Check(Readiness, answer.body)) {
      throw new CommandError(EXIT_FAILED, `${url} answered ${answer.status}, and no readiness.`)
    }
    // The status code is what a load balancer acts on, so it has the last word here, too.
    const isReady = answer.status === 200
    const output = values.json === true ? printableJson(answer.body) : undefined
    return {
      exitCode: isReady ? 0 : EXIT_FAILED,
      output: output ?? readinessText(answer.body, { gatewayUrl, isReady }),
    }
  },
}

/** The readiness as lines for a person. */
export function readinessText(
  { dependencies }: Readiness,
  run: { gatewayUrl: string; isReady: boolean },
): string {
  const width = Math.max(0, ...dependencies.map(({ name }) => name.length))
  const lines = dependencies.map(({ name, status, reason, latencyMs }) => {
    const latency = latencyMs === undefined ? '' : `${latencyMs.toFixed(1)} ms`
    return `  ${name.padEnd(width)}  ${status.padEnd(8)}${latency.padStart(10)}  ${reason ?? ''}`
  })
  const heading = `${run.isReady ? 'READY' : 'NOT READY'}: ${run.gatewayUrl}`
  return `${[heading, ...lines].map((line) => printable(line.trimEnd())).join('\n')}\n`
}
