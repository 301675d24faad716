import { BATCH, flip, FORGED_ID, KEY, type Alteration } from './alterations.ts'

function redaction(id: string): string {
  return `insert into redactions (log_index, redaction_id, reason, legal_basis, redacted_by, redacted_at)
          values (130, '${id}', 'forged', 'none', 'nobody', now())`
}

/** Of payloads and salts. */
export const ALTERED_PAYLOADS: readonly Alteration[] = [
  {
    name: 'a flipped bit of a payload',
    change: `update payload_batches set ${flip('payloads', 40)} ${BATCH}`,
    finds: [['payload-altered', 'entry 130']],
  },
  {
    name: 'a payload that was erased with no redaction on record',
    change: 'select erase_payload(130)',
    finds: [['payload-altered', 'entry 130']],
  },
  {
    name: 'a payload that was erased with a redaction that no entry tells of',
    change: `select erase_payload(130); ${redaction(FORGED_ID)};
             select erase_hashes(source, id) from event_keys ${KEY}`,
    finds: [['redaction-missing', 'entry 130']],
  },
  {
    name: 'a payload that was erased, and a hash over it kept,',
    change: `select erase_payload(130); ${redaction(FORGED_ID)}`,
    finds: [
      ['key-altered', 'key of 130, intent hash'],
      ['redaction-missing', 'entry 130'],
    ],
  },
  {
    name: 'a flipped bit of a salt',
    change: `update payload_batches set ${flip('salts', 70)} ${BATCH}`,
    finds: [['salt-altered', 'entry 130']],
  },
  {
    name: 'a flipped bit of a payload’s offset',
    change: `update payload_batches set ${flip('offsets', 11)} ${BATCH}`,
    finds: [
      ['payload-altered', 'entry 129'],
      ['payload-altered', 'entry 130'],
    ],
  },
  {
    name: 'salts that were cut off',
    change: `update payload_batches set salts = substring(salts for 100) ${BATCH}`,
    finds: [['payloads-torn', 'payloads of batch 128']],
  },
  {
    name: 'a row of payloads that is gone',
    change: `delete from payload_batches ${BATCH}`,
    finds: [['payloads-missing', 'payloads of batch 128']],
  },
  {
    name: 'a row of payloads that belongs to no batch',
    change: `insert into payload_batches
             select 130, salts, payloads, offsets from payload_batches ${BATCH}`,
    finds: [['payloads-extra', 'payloads of batch 130']],
  },
]
