import { openExportAudit, type ExportVerdict } from '@mumega/tlog/export-audit'
import { usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import { findLogKey, type LogKey } from './log-key.ts'
import { printable } from './printable.ts'
import { readLines, type LineFault } from './read-lines.ts'
import { EXIT_CODES, HEADINGS } from './verdict.ts'

export const audit: Command = {
  name: 'audit',
  help: `mumega audit <export.jsonl> [--key <key or file>] [--json]
    Judges an exported log by nothing but the log's public key: every leaf hash, every chain's
    numbers and links, the root against the signed checkpoint, and the payloads that were exported.
    Reads the file once, from its begin; no network, no clock. The key is that of \`mumega verify\`.
    Exit code: 0 valid, 2 not yet anchored, 3 diverged, 4 valid but payloads were redacted,
    5 malformed or incomplete.`,

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
    const key = findLogKey(values.key ?? values.vkey, config)
    const verdict = await judge(path, key)
    const output = values.json === true ? asJson(verdict, key) : asText(verdict, key)
    return { exitCode: EXIT_CODES[verdict.status], output }
  },
}

const LINE_FAULTS: Readonly<Record<LineFault, string>> = {
  'not-utf8': 'A line is not UTF-8.',
  'too-long': 'A line is longer than any that the ledger writes.',
}

async function judge(path: string, key: LogKey): Promise<ExportVerdict> {
  const open = openExportAudit(key.vkey)
  const { isWhole, fault } = await readLines(path, (line) => open.take(line))
  const verdict = open.end({ isWhole })
  if (fault === undefined) return verdict
  const reason = `${LINE_FAULTS[fault]} It comes after ${verdict.entries} entries.`
  return { ...verdict, status: 'malformed', reason }
}

function asJson(verdict: ExportVerdict, key: LogKey): string {
  const { checkpoint, ...rest } = verdict
  const shown = checkpoint && { ...checkpoint, root: checkpoint.root.toString('base64') }
  const all = { ...rest, checkpoint: shown, vkey: key.vkey, vkeyFrom: key.origin }
  return `${JSON.stringify(all, null, 2)}\n`
}

function asText(verdict: ExportVerdict, key: LogKey): string {
  const { entries, chains, payloads, checkpoint, filter, redactions } = verdict
  const isProved = verdict.status === 'valid' || verdict.status === 'redacted'
  const facts: [name: string, value: string][] = [
    ['read', `${entries} entries of ${chains} chains`],
    ['payloads', `${payloads} disclosed, each the one that its entry commits to`],
  ]
  if (filter !== undefined) facts.unshift(['asked', scopeOf(filter)])
  if (checkpoint !== undefined) {
    facts.push(['log', `${checkpoint.origin}, ${checkpoint.size} entries`])
  }
  const { proved, unproved, named } = redactions
  if (proved + unproved > 0) {
    const more = proved + unproved > named.length ? ' …' : ''
    facts.push(['erased', `${proved} recorded by the log, ${unproved} only said to be`])
    facts.push(['', `${named.join(', ')}${more}`])
  }
  facts.push(['key', `${key.vkey}, from ${key.origin}`])
  const lines = [`${HEADINGS[verdict.status]}: ${printable(verdict.reason)}`]
  if (!isProved) lines.push('Until there the file says, and nothing proves:')
  lines.push(...facts.map(([name, value]) => `  ${name.padEnd(8)} ${printable(value)}`))
  return `${lines.join('\n')}\n`
}

function scopeOf(filter: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(filter)
  if (names.length === 0) return 'the whole log: nothing is left out'
  const asked = Object.entries(filter).map(([name, value]) => `${name} ${String(value)}`)
  const isChain = names.every((name) => name === 'chain')
  const doubt = isChain
    ? 'nothing between its entries is left out'
    : 'that nothing is left out, no file of a part can prove'
  return `${asked.join(', ')}: ${doubt}`
}
