import type { ReceiptVerdict } from '@mumega/tlog/receipt'
import { verifyReceiptFiles } from '@mumega/tlog/receipt-file'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import { findLogKey, type LogKey } from './log-key.ts'
import { printable, printableJson } from './printable.ts'
import { readJudged } from './read-input.ts'
import { EXIT_CODES, HEADINGS } from './verdict.ts'
import { checkLogOf, readPolicy } from './witness-policy.ts'

export const verify: Command = {
  name: 'verify',
  help: `mumega verify <receipt.tlog-proof> [--vkey <key or file>] [--payload <disclosure.json>]
      [--policy <file>] [--json]
    Judges a receipt by nothing but the log's public key: no network, no clock. Without --vkey it
    takes log.vkey of the data folder (MUMEGA_DATA_DIR, else .mumega; a relative path starts at the
    repository). --payload also checks a disclosed payload against the entry. --policy asks
    for the cosignatures of a quorum of witnesses besides (log, witness, group and quorum lines):
    without it a receipt is not yet anchored. A file whose name starts with a dash goes after --.
    Exit code: 0 valid, 2 not yet anchored, 3 diverged, 4 valid but the payload was redacted,
    5 malformed.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, {
      vkey: { type: 'string' },
      payload: { type: 'string' },
      policy: { type: 'string' },
      json: { type: 'boolean' },
    })
    const path = onlyArgument(positionals, 'the receipt file')
    const key = await findLogKey(values.vkey, config)
    const policy = values.policy === undefined ? undefined : await readPolicy(values.policy, config)
    if (policy !== undefined) checkLogOf(policy, key.vkey)
    const receipt = await readJudged(path, config)
    const disclosure =
      values.payload === undefined ? undefined : await readJudged(values.payload, config)

    const verdict = verifyReceiptFiles({
      ...{ receipt, vkey: key.vkey },
      ...(disclosure !== undefined && { disclosure }),
      ...(policy !== undefined && { policy }),
    })
    const output = values.json === true ? asJson(verdict, key) : asText(verdict, key)
    return { exitCode: EXIT_CODES[verdict.status], output }
  },
}

function asJson(verdict: ReceiptVerdict, key: LogKey): string {
  const { checkpoint, ...rest } = verdict
  const shown = checkpoint && { ...checkpoint, root: checkpoint.root.toString('base64') }
  const all = { ...rest, checkpoint: shown, vkey: key.vkey, vkeyFrom: key.origin }
  return printableJson(all)
}

function asText(verdict: ReceiptVerdict, key: LogKey): string {
  const isProved = verdict.status === 'valid' || verdict.status === 'redacted'
  const lines = [`${HEADINGS[verdict.status]}: ${printable(verdict.reason)}`]
  const facts = factsOf(verdict)
  if (facts.length > 0 && !isProved) lines.push('The file says, and nothing proves:')
  lines.push(...[...facts, keyFact(key)].map(([name, value]) => `  ${name.padEnd(8)} ${value}`))
  return `${lines.join('\n')}\n`
}

function keyFact(key: LogKey): [name: string, value: string] {
  return ['key', `${printable(key.vkey)}, from ${printable(key.origin)}`]
}

function factsOf(verdict: ReceiptVerdict): [name: string, value: string][] {
  const { entry, index, checkpoint, redaction } = verdict
  if (entry === undefined) return []
  const facts: [name: string, value: string][] = [
    ['action', `${entry.action} (${entry.phase})`],
    ['target', entry.target],
    ['actor', `${entry.actor.id} (${entry.actor.kind})`],
    ['time', entry.time],
    ['chain', entry.chain],
    ['seq', String(entry.seq)],
    ['id', `${entry.source} ${entry.id}`],
    ['trace', entry.trace],
  ]
  if (entry.of !== undefined) facts.push(['closes', entry.of])
  if (checkpoint !== undefined) {
    facts.push(['log', `${checkpoint.origin}, index ${index ?? '?'} of ${checkpoint.size} entries`])
  }
  for (const { name, timeSeconds } of verdict.witnesses ?? []) {
    const time = new Date(timeSeconds * 1_000)
    facts.push([
      'witness',
      `${name}, ${Number.isNaN(time.getTime()) ? timeSeconds : time.toISOString()}`,
    ])
  }
  if (verdict.isPayloadVerified) facts.push(['payload', 'is the one that the entry commits to'])
  if (redaction !== undefined) {
    facts.push(['erased', `${redaction.time} by ${redaction.actor.id}, entry ${redaction.seq}`])
  }
  return facts.map(([name, value]) => [name, printable(value)])
}
