import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import { getJson } from './get-json.ts'
import { printableJson } from './printable.ts'
import { readRunFile } from './run-file.ts'
import { spanTree, Span } from './span-tree.ts'

const Trace = Type.Object({
  traceId: Type.String(),
  spans: Type.Array(Span, { minItems: 1, maxItems: 10_000 }),
})

export const trace: Command = {
  name: 'trace',
  help: `mumega trace <trace id> [--json]
    Shows a recent trace of the local run: each span under the one that caused it, with its service
    and how long it took. The id is the 32 hex digits of the traceparent, of a log line or of a
    receipt.
    Exit code: 0 shown, 1 unknown or nothing runs.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, { json: { type: 'boolean' } })
    const id = onlyArgument(positionals, 'the trace id')
    if (!/^[0-9a-f]{32}$/.test(id)) throw usageError('A trace id is 32 lower-case hex digits.')
    const { tracesUrl } = await readRunFile(config)
    if (tracesUrl === undefined || tracesUrl === null) {
      throw new CommandError(
        EXIT_FAILED,
        'The traces of this run go to the collector in OTEL_EXPORTER_OTLP_ENDPOINT. Look there.',
      )
    }
    const url = `${tracesUrl.replace(/\/$/, '')}/traces/${id}`
    const { status, body } = await getJson(url, 'The trace store')
    if (status === 404) {
      throw new CommandError(
        EXIT_FAILED,
        `There is no trace ${id}. Only recent traces of this run are kept, and a new one takes a ` +
          'few seconds to arrive.',
      )
    }
    if (status !== 200 || !Value.Check(Trace, body)) {
      throw new CommandError(EXIT_FAILED, `The trace store answered ${status}, and no trace.`)
    }
    const output = values.json === true ? printableJson(body) : spanTree(body)
    return { exitCode: 0, output }
  },
}
