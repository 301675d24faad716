import { hash } from 'node:crypto'

/**
 * What may be wrong with a stored value, or be missing, and whether the ledger must stop over it.
 * It stops where the value is under a claim that was signed or will be (entries, leaf hashes,
 * checkpoints, anchors), or decides where the next entry goes (the heads): whatever were sealed or
 * signed upon it could not be taken back. What stands beside the log, and can be lost or made again
 * without changing it, is reported only, or whoever flips one bit of an old payload would stop the
 * company.
 */
export const FINDING_KINDS = {
  /** The signed root is that of the stored leaf hash: the entry's bytes changed. */
  'entry-altered': 'halts',
  /** The signed root is that of the entry: the stored leaf hash changed. */
  'leaf-hash-altered': 'halts',
  /** Entry and leaf hash disagree, and nothing signed tells which of them changed. */
  'entry-or-leaf-altered': 'halts',
  /** Entry and leaf hash agree, and it is no entry. */
  'entry-malformed': 'halts',
  /** The bytes of a batch cannot be told apart into entries. */
  'batch-torn': 'halts',
  'entries-missing': 'halts',
  'entries-extra': 'halts',
  /** An entry's `seq` or `prev` does not continue its chain. */
  'chain-broken': 'halts',
  /** Entries and leaf hashes agree with each other, and not with the root that was signed. */
  'root-altered': 'halts',
  'checkpoint-altered': 'halts',
  'checkpoint-missing': 'halts',
  'checkpoint-extra': 'halts',
  /** Of the checkpoint that is kept outside the database. */
  'copy-altered': 'halts',
  'anchor-altered': 'halts',
  'anchor-missing': 'halts',
  'anchor-extra': 'halts',
  'log-head-altered': 'halts',
  'chain-head-altered': 'halts',
  'chain-head-missing': 'halts',
  'chain-head-extra': 'halts',
  /** More was found than one pass reports. */
  'too-many': 'halts',
  'batch-count-altered': 'reports',
  'offsets-altered': 'reports',
  /** A key can be made again from its entry; until then its event may be sealed once more. */
  'key-altered': 'reports',
  'key-missing': 'reports',
  'key-extra': 'reports',
  'subtree-altered': 'reports',
  'subtree-missing': 'reports',
  'subtree-extra': 'reports',
  /** The payload is not what the entry commits to, or which of the two changed cannot be told. */
  'payload-altered': 'reports',
  'salt-altered': 'reports',
  /** Payload and salt were erased, and no entry of the log says so. */
  'redaction-missing': 'reports',
  /** Payloads and salts of a batch cannot be told apart. */
  'payloads-torn': 'reports',
  'payloads-missing': 'reports',
  'payloads-extra': 'reports',
  /** A drop-record says that an entry resolves it, which does not. */
  'drop-altered': 'reports',
  /** There are fewer drop-records than there were. */
  'drops-missing': 'reports',
  /** What refuses changes of the log is not in place; the values are looked at on their own. */
  'guard-altered': 'reports',
  /** A copy outside the database has another root for an anchor, which the log's key signed too. */
  'anchor-forked': 'halts',
  /** A copy is of an anchor that the database does not have: it was set back. */
  'anchor-lost': 'halts',
  /** A copy is not what it was; the database's anchor is signed, and the copy is not. */
  'anchor-copy-altered': 'reports',
  /** A copy was removed. It is made again. */
  'anchor-copy-missing': 'reports',
  /** The database lacks a checkpoint, or has another, than a ledger that follows has kept. */
  'log-set-back': 'halts',
  /** Two ledgers on one database are made of different things. */
  'ha-pair-rollout-drift': 'reports',
  /** Numbers that a producer gave to intents, of which none came, though later ones did. */
  'intents-missing': 'reports',
  /** A producer gave numbers twice, so that a lost intent of it need not leave one out. */
  'numbers-reused': 'reports',
  /** An intent that was announced, and of whose outcome nobody heard in time. */
  'outcome-missing': 'reports',
  /** What the three before rest on is not what the log says; it is put right. */
  'projection-altered': 'reports',
} as const satisfies Readonly<Record<string, 'halts' | 'reports'>>

export type FindingKind = keyof typeof FINDING_KINDS

/** What the ledgers of a pair find of each other. */
export const PAIR_KINDS: readonly FindingKind[] = ['ha-pair-rollout-drift']
/** What never came. */
export const COMPLETENESS_KINDS: readonly FindingKind[] = [
  'intents-missing',
  'numbers-reused',
  'outcome-missing',
]
/** What is found of the rows that completeness is judged by. */
export const GROUND_KINDS: readonly FindingKind[] = ['projection-altered']
/** What is found of the anchors' copies outside the database. */
export const COPY_KINDS: readonly FindingKind[] = [
  'anchor-forked',
  'anchor-lost',
  'anchor-copy-altered',
  'anchor-copy-missing',
]
/** Never cleared: two logs were signed, and which of them stands is not a program's to say. */
const LASTING_KINDS: readonly FindingKind[] = ['log-set-back']
const OTHERS_KINDS = [
  ...[LASTING_KINDS, PAIR_KINDS, COMPLETENESS_KINDS, GROUND_KINDS, COPY_KINDS].flat(),
]
/** What a scrubber's pass finds, again and again while it is so. */
export const SCRUBBED_KINDS = (Object.keys(FINDING_KINDS) as FindingKind[]).filter(
  (kind) => !OTHERS_KINDS.includes(kind),
)

/** One stored value that is not what it was. The same kind and place is the same finding. */
export interface Finding {
  readonly kind: FindingKind
  /** Which value, for instance `entry 17` or `checkpoint 64, root`. */
  readonly place: string
  /** What follows from everything else that is stored; hashes in hex. */
  readonly expected: string
  readonly found: string
}

/** Whether nothing may be sealed or signed any more. */
export function isHalting({ kind }: Finding): boolean {
  return FINDING_KINDS[kind] === 'halts'
}

/** One pass reports so many; of more it says only that there are more. */
export const FINDINGS_MAX = 1_000
const TEXT_CHARACTERS_MAX = 300

/** What one pass has found so far. */
export interface PassFindings {
  /** Ignores what was reported in this pass already. */
  report(finding: Finding): void
  /** Whether something was reported of this place. */
  isReported(place: string): boolean
  /** A value could not be judged, because another finding stands in its way. */
  hide(): void
  hidden(): number
  /** Those since the last call. */
  takeNew(): Finding[]
  /** Kind and place of all. */
  all(): readonly Pick<Finding, 'kind' | 'place'>[]
}

export function openPassFindings(): PassFindings {
  const known = new Map<string, Pick<Finding, 'kind' | 'place'>>()
  const places = new Set<string>()
  let fresh: Finding[] = []
  let hidden = 0

  function add(finding: Finding): void {
    known.set(`${finding.kind} ${finding.place}`, finding)
    places.add(finding.place)
    fresh.push(finding)
  }

  return {
    report({ kind, place, expected, found }) {
      const finding = { kind, place: clean(place), expected: clean(expected), found: clean(found) }
      if (known.has(`${kind} ${finding.place}`)) return
      if (known.size < FINDINGS_MAX) add(finding)
      else {
        hidden += 1
        if (known.size === FINDINGS_MAX) add(TOO_MANY)
      }
    },
    isReported: (place) => places.has(clean(place)),
    hide: () => void (hidden += 1),
    hidden: () => hidden,
    takeNew() {
      const taken = fresh
      fresh = []
      return taken
    },
    all: () => [...known.values()].map(({ kind, place }) => ({ kind, place })),
  }
}

const TOO_MANY: Finding = {
  kind: 'too-many',
  place: 'the whole log',
  expected: `at most ${FINDINGS_MAX} findings in one pass`,
  found: 'more',
}

// What was altered may hold anything: it is shown to people, and stored as text.
function clean(text: string): string {
  const short = text.slice(0, TEXT_CHARACTERS_MAX)
  return short.replaceAll(/[\p{Cc}\p{Surrogate}]/gu, '\ufffd')
}

/** How long bytes or text are shown: by their SHA-256. */
export function digestOf(value: Buffer | string): string {
  return `SHA-256 ${hash('sha256', value, 'hex')}`
}

export function hexOf(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('hex')
}
