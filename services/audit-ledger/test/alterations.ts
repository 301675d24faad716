import type { FindingKind } from '../src/scrubbing/finding.ts'
import { guardsOf } from '../src/scrubbing/guard-check.ts'

/** One way in which whoever holds the cluster can alter the log that `scrubber.test.ts` makes. */
export interface Alteration {
  readonly name: string
  readonly change: string
  /** Kind and place, in this order; `key of 130` stands for the key of that entry. */
  readonly finds: readonly (readonly [FindingKind, string])[]
  /** Gives what the first finding calls `expected` before the change, and `found` after it. */
  readonly value?: string
}

const TABLES = [
  ...['event_batches', 'payload_batches', 'event_keys', 'checkpoints', 'subtrees'],
  ...['audit_chain_anchors', 'chains', 'log_head'],
]

/** What keeps everybody else from changing anything, taken away. */
export const BEFORE_CHANGE = TABLES.map((table) => `alter table ${table} disable trigger all`)

/** And put back, as it was. */
export const AFTER_CHANGE = TABLES.flatMap((table) => [
  `alter table ${table} enable trigger all`,
  ...guardsOf(table).map((trigger) => `alter table ${table} enable always trigger ${trigger}`),
])

// The log has 640 entries, in batches of 64, each signed; entry 130 is the third of the batch that
// starts at 128, and the 44th of the chain beta. The last one is the 214th of acme.
export const BATCH = 'where first_index = 128'
const LAST = 'where first_index = 576'
export const KEY = 'where log_index = 130'
const AT = 'offset_at(offsets, 2)'
const ENTRY = `substring(entries from ${AT} + 3 for offset_at(offsets, 3) - ${AT} - 2)`
const LEAF = `sha256('\\x00'::bytea || ${ENTRY})`
export const FORGED_ID = '019a0000-0000-7000-8000-000000000001'

export const flip = (column: string, at: number | string): string =>
  `${column} = set_byte(${column}, ${at}, get_byte(${column}, ${at}) # 1)`
export const hex = (value: string, from: string): string =>
  `select encode(${value}, 'hex') as value from ${from}`

/** Rewrites the first character behind `text` in entry 130, with its leaf hash. */
function rewrite(text: string, digit = (at: string) => `get_byte(entries, ${at}) # 1`): string {
  const at = `${AT} + 1 + position('${text}'::bytea in ${ENTRY}) + ${text.length}`
  return `update event_batches set entries = set_byte(entries, ${at}, ${digit(at)}) ${BATCH};
    update event_batches
       set leaf_hashes = overlay(leaf_hashes placing ${LEAF} from 65 for 32) ${BATCH}`
}

/** A hex digit again, and another one. */
const otherDigit = (at: string): string =>
  `case get_byte(entries, ${at}) when 48 then 49 else 48 end`

const ENTRIES: readonly Alteration[] = [
  {
    name: 'a flipped bit of an entry',
    change: `update event_batches set ${flip('entries', `${AT} + 60`)} ${BATCH}`,
    finds: [['entry-altered', 'entry 130']],
    value: hex(LEAF, `event_batches ${BATCH}`),
  },
  {
    name: 'a flipped bit of the length in front of an entry',
    change: `update event_batches set ${flip('entries', `${AT} + 1`)} ${BATCH}`,
    finds: [['batch-torn', 'batch 128']],
  },
  {
    name: 'a flipped bit of the last entry of the log',
    change: `update event_batches set ${flip('entries', 'octet_length(entries) - 60')} ${LAST}`,
    finds: [['entry-altered', 'entry 639']],
  },
  {
    name: 'a flipped bit of a leaf hash',
    change: `update event_batches set ${flip('leaf_hashes', 70)} ${BATCH}`,
    finds: [['leaf-hash-altered', 'entry 130']],
    value: hex('substring(leaf_hashes from 65 for 32)', `event_batches ${BATCH}`),
  },
  {
    name: 'an entry and the leaf hash of another, of one stretch,',
    change: `update event_batches set ${flip('entries', `${AT} + 60`)}, ${flip('leaf_hashes', 0)} ${BATCH}`,
    finds: [
      ['entry-or-leaf-altered', 'entry 128'],
      ['entry-or-leaf-altered', 'entry 130'],
    ],
  },
  {
    name: 'a flipped bit of an offset',
    change: `update event_batches set ${flip('offsets', 11)} ${BATCH}`,
    finds: [['offsets-altered', 'batch 128, offset 2']],
    value: `select ${AT} || '' as value from event_batches ${BATCH}`,
  },
  {
    name: 'another count of a batch',
    change: `alter table event_batches drop constraint event_batches_check,
               drop constraint event_batches_check1;
             update event_batches set count = 63 ${BATCH}`,
    finds: [['batch-count-altered', 'batch 128']],
    value: `select count || '' as value from event_batches ${BATCH}`,
  },
  {
    name: 'a batch that was cut off',
    change: `update event_batches set entries = substring(entries for 500) ${BATCH}`,
    finds: [['batch-torn', 'batch 128']],
  },
  {
    name: 'an entry that was rewritten with its leaf hash',
    change: rewrite('"target":"'),
    finds: [
      ['key-altered', 'key of 130, intent hash or number'],
      ['chain-broken', 'entry 133'],
      ['root-altered', 'entries up to 192'],
    ],
  },
  {
    name: 'an entry that follows another one of its chain than the last',
    change: rewrite('"prev":"', otherDigit),
    finds: [
      ['chain-broken', 'entry 130'],
      ['chain-broken', 'entry 133'],
      ['root-altered', 'entries up to 192'],
    ],
  },
  {
    name: 'an entry with a sequence that is not the next',
    change: rewrite('"seq":'),
    finds: [
      ['chain-broken', 'entry 130'],
      ['chain-broken', 'entry 133'],
      ['root-altered', 'entries up to 192'],
    ],
  },
  {
    name: 'an entry that was moved to another chain',
    change: rewrite('"chain":"'),
    finds: [
      ['chain-broken', 'entry 130'],
      ['chain-broken', 'entry 133'],
      ['root-altered', 'entries up to 192'],
    ],
  },
  {
    name: 'a batch that is gone',
    change: `delete from event_batches ${BATCH}`,
    finds: [['entries-missing', 'entries 128 to 191']],
  },
  {
    name: 'a last batch that is gone',
    change: `delete from event_batches ${LAST}`,
    finds: [['entries-missing', 'entries 576 to 639']],
  },
  {
    name: 'a table of entries that was truncated',
    change: 'truncate event_batches cascade',
    finds: [['entries-missing', 'entries 0 to 639']],
  },
  {
    name: 'a batch beyond the end of the log',
    change: `insert into event_batches
             select 640, count, entries, offsets, leaf_hashes from event_batches ${BATCH}`,
    finds: [['entries-extra', 'batch 640']],
  },
  {
    name: 'a batch within another',
    change: `insert into event_batches
             select 130, count, entries, offsets, leaf_hashes from event_batches ${BATCH}`,
    finds: [['entries-extra', 'batch 130']],
  },
]

const keyChange = (set: string): string => `update event_keys set ${set} ${KEY}`
const keyCopy = (seq: string, chain: string): string =>
  `insert into event_keys select '${FORGED_ID}', 130, ${seq}, 1, source, ${chain}, intent_hash
     from event_keys ${KEY}`
const KEY_TEXT = `select chain || ', seq ' || seq || ', entry ' || log_index as value from event_keys
  where id = (select id from event_keys order by abs(log_index - 130), log_index limit 1)`

const KEYS: readonly Alteration[] = [
  {
    name: 'a key of another source',
    change: keyChange(`source = 'forger'`),
    finds: [['key-altered', 'key of 130']],
  },
  {
    name: 'a key with another id',
    change: keyChange(`id = '${FORGED_ID}'`),
    finds: [['key-altered', 'key of 130']],
  },
  {
    name: 'a key in another chain',
    change: keyChange(`chain = 'zeta'`),
    finds: [['key-altered', 'key of 130']],
    value: KEY_TEXT,
  },
  {
    name: 'a key with another sequence',
    change: keyChange('seq = 9999'),
    finds: [['key-altered', 'key of 130']],
    value: KEY_TEXT,
  },
  {
    name: 'a key that points to another entry',
    change: keyChange('log_index = 131'),
    finds: [['key-altered', 'key of 130']],
  },
  {
    name: 'a last key that points beyond everything',
    change: 'update event_keys set log_index = 9223372036854775807 where log_index = 639',
    finds: [['key-altered', 'key of 639']],
  },
  {
    name: 'a key with another intent hash',
    change: keyChange(flip('intent_hash', 5)),
    finds: [['key-altered', 'key of 130, intent hash or number']],
  },
  {
    name: 'a key with another number',
    change: keyChange('number = number + 1'),
    finds: [['key-altered', 'key of 130, intent hash or number']],
  },
  {
    name: 'a key that is gone',
    change: `delete from event_keys ${KEY}`,
    finds: [['key-missing', 'key of 130']],
  },
  {
    name: 'a last key of a chain that is gone',
    change: 'delete from event_keys where log_index = 639',
    finds: [['key-missing', 'key of 639']],
  },
  {
    name: 'a key behind the end of its chain',
    change: keyCopy('5000', 'chain'),
    finds: [['key-extra', `key bridge/${FORGED_ID}`]],
  },
  {
    name: 'a key of a chain that does not exist',
    change: keyCopy('1', `'zeta'`),
    finds: [['key-extra', `key bridge/${FORGED_ID}`]],
  },
]

/** Of entries and keys. */
export const ALTERED_ENTRIES = [...ENTRIES, ...KEYS]
