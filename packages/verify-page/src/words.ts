import type { ReceiptStatus, ReceiptVerdict } from '@mumega/tlog/receipt'

/** A verdict in words for a person who does not know what a Merkle tree is. */
export interface Words {
  readonly title: string
  readonly meaning: string
}

export const WORDS: Readonly<Record<ReceiptStatus, Words>> = {
  valid: {
    title: 'Valid',
    meaning:
      'The owner of this key signed a log that holds exactly this entry, at exactly this place. ' +
      'Nobody, the operator included, can have changed it since without this check failing.',
  },
  'not-anchored': {
    title: 'Not yet anchored',
    meaning:
      'The file says that the entry was recorded, but no signature of the log covers it yet. ' +
      'Nothing is proved. Download the receipt again in a few seconds.',
  },
  diverged: {
    title: 'Diverged: do not rely on it',
    meaning:
      'The file looks like a receipt, and does not agree with what the owner of this key signed. ' +
      'Either the key is of another log, or something was changed. Keep the file as it is and ask ' +
      'whoever gave it to you.',
  },
  redacted: {
    title: 'Valid, the content was erased',
    meaning:
      'The signed log holds this entry, and also records that its content was erased later, by ' +
      'whom and when. What happened is still proved; what it said in detail is gone.',
  },
  malformed: {
    title: 'Malformed: this is not a receipt',
    meaning:
      'The file cannot be read as a receipt. It may be damaged, cut off, or another kind of file. ' +
      'Download it again.',
  },
}

/** What the entry says, as pairs of a name and a value. */
export function factsOf({ entry, index, checkpoint, ...verdict }: ReceiptVerdict): string[][] {
  if (entry === undefined) return []
  const facts = [
    ['Action', `${entry.action} (${entry.phase})`],
    ['Target', entry.target],
    ['Actor', `${entry.actor.id} (${entry.actor.kind})`],
    ['Time', entry.time],
    ['Chain', `${entry.chain}, number ${entry.seq}`],
    ['Recorded by', `${entry.source}, id ${entry.id}`],
    ['Trace', entry.trace],
  ]
  if (entry.of !== undefined) facts.push(['Closes', entry.of])
  if (checkpoint !== undefined) {
    const place = `entry ${index ?? '?'} of ${checkpoint.size}, counted from 0`
    facts.push(['Log', `${checkpoint.origin}, ${place}`])
  }
  if (verdict.isPayloadVerified) facts.push(['Content', 'is the one that the entry commits to'])
  if (verdict.redaction !== undefined) {
    facts.push(['Erased', `${verdict.redaction.time} by ${verdict.redaction.actor.id}`])
  }
  return facts.map(([name = '', value = '']) => [name, printable(value)])
}

// As in the terminal: nothing out of a file may hide, or turn the direction of a line.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu

export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}
