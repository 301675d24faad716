import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import { usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { findLogKey, type LogKey } from './log-key.ts'
import { printable, printableJson } from './printable.ts'
import { readLines, type LineFault } from './read-lines.ts'
import { EXIT_CODES, HEADINGS } from './verdict.ts'

export const audit: Command = {
  name: 'audit',
  help: `mumega audit <export.jsonl> [--key <key or file>] [--json]
    Judges an exported log by nothing but the log's public key: every leaf hash, every chain's
    numbers and links, the root against the signed checkpoint, and the payloads that were exported.
    Reads the file once, from its begin; no network, no clock. The key is that of \`mumega verify\`.
    Of what is not in the file it says how much is proven: a chain's export may miss its end, one by
    another filter anything, and one without entries proves nothing.
    Exit code: 0 valid, 2 not yet anchored or not proven, 3 diverged, 4 valid but payloads were
    redacted, 5 malformed or incomplete.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, {
      key: { type: 'string' },
      vkey: { type: 'string' },
      json: { type: 'boolean' },
    })
    const path = onlyArgument(positionals, 'the exported file')
    if (values.key !== undefined && values.vkey !== undefined) {
      throw usageError('--key and --vkey are the same: give one of them.')
    }
    const key = await findLogKey(values.key ?? values.vkey, config)
    const verdict = await judge(path, key, config)
    const output = values.json === true ? asJson(verdict, key) : asText(verdict, key)
    return { exitCode: EXIT_CODES[verdict.status], output }
  },
}

const LINE_FAULTS: Readonly<Record<LineFault, string>> = {
  'not-utf8': 'A line is not UTF-8.',
  'too-long': 'A line is longer than any that the ledger writes.',
}

async function judge(path: string, key: LogKey, config: Config): Promise<ExportVerdict> {
  const open = openExportAudit(key.vkey)
  const { isWhole, fault } = await readLines(path, config, (line) => open.take(line))
  const verdict = open.end({ isWhole })
  if (fault === undefined) return verdict
  const reason = `${LINE_FAULTS[fault]} It comes after ${verdict.entries} entries.`
  return { ...verdict, status: 'malformed', reason }
}

function asJson(verdict: ExportVerdict, key: LogKey): string {
  const { checkpoint, ...rest } = verdict
  const shown = checkpoint && { ...checkpoint, root: checkpoint.root.toString('base64') }
  const all = { ...rest, checkpoint: shown, vkey: key.vkey, vkeyFrom: key.origin }
  return printableJson(all)
}

function asText(verdict: ExportVerdict, key: LogKey): string {
  const { checkpoint } = verdict
  const facts = [...askedOf(verdict), ['read', readOf(verdict)], ['payloads', payloadsOf(verdict)]]
  if (checkpoint !== undefined) {
    facts.push(['log', `${checkpoint.origin}, ${checkpoint.size} entries`])
  }
  facts.push(...erasedOf(verdict))
  facts.push(['key', `${key.vkey}, from ${key.origin}`])
  const lines = [`${HEADINGS[verdict.status]}: ${printable(verdict.reason)}`]
  if (checkpoint === undefined) lines.push('Until there the file says, and nothing proves:')
  lines.push(...facts.map(([name = '', value = '']) => `  ${name.padEnd(8)} ${printable(value)}`))
  return `${lines.join('\n')}\n`
}

/** What was asked for, and how much of it the file proves to hold. */
function askedOf({ filter, completeness }: ExportVerdict): string[][] {
  if (filter === undefined) return []
  const names = Object.entries(filter).map(([name, value]) => `${name} ${value}`)
  const asked = names.join(', ') || 'the whole log'
  return [['asked', completeness === undefined ? asked : `${asked}: ${completeness.statement}`]]
}

function readOf({ entries, chains, spans }: ExportVerdict): string {
  const [only] = spans
  if (chains !== 1 || only === undefined) return `${entries} entries of ${chains} chains`
  return `${entries} entries of the chain ${only.chain}, numbers ${only.first} to ${only.last}`
}

function payloadsOf({ payloads }: ExportVerdict): string {
  if (payloads === 0) return 'none is in the file'
  return `${payloads} disclosed, each the one that its entry commits to`
}

function erasedOf({ redactions, erasuresRecorded }: ExportVerdict): string[][] {
  const { proved, unproved, named } = redactions
  if (proved + unproved > 0) {
    const more = proved + unproved > named.length ? ' …' : ''
    return [
      ['erased', `${proved} recorded by the log, ${unproved} only said to be`],
      ['', `${named.join(', ')}${more}`],
    ]
  }
  if (erasuresRecorded === 0) return []
  return [['erased', `${erasuresRecorded} payloads, as entries here record`]]
}
