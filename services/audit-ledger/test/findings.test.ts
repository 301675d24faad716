import { afterEach, expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import { listFindings } from '@mumega/contracts/audit-findings'
import { redactPayload } from '@mumega/contracts/audit-ledger'
import { openConnection } from '../src/connection.ts'
import { openScrubber } from '../src/scrubbing/scrubber.ts'
import { noteOpener } from '../src/signing/log-key.ts'
import { givenWatched, numbered, untilOpen } from './given-completeness.ts'
import { givenLedger, OPERATOR, publishIntents, type TestLedger } from './given.ts'
import {
  findingsOf,
  flip,
  FLIPPED,
  scrubAll,
  givenSignedBatches,
  scrubPass,
  untilFound,
  untilSignedUpTo,
  vkeyOf,
} from './given-scrubber.ts'

let ledger: TestLedger

afterEach(() => ledger.stop())

async function givenScrubbed(): Promise<Bus> {
  ledger = await givenLedger({
    settings: { LEDGER_SCRUB_DELAY_MS: 0, LEDGER_SCRUB_PASS_MS_MIN: 0 },
  })
  await givenSignedBatches(ledger, 1)
  return ledger.bus('bridge')
}

test('a tenant sees no finding', async () => {
  const bridge = await givenScrubbed()
  await flip(ledger, 'payload_batches', FLIPPED.salt)
  await untilFound(bridge)

  const context = { tenantId: 'acme', actor: { id: 'agent:writer', kind: 'agent' } } as const

  expect(await findingsOf(bridge, context)).toEqual([])
})

test('findings are listed in pages, newest first, each of them once', async () => {
  const watched = await givenWatched()
  ledger = watched.ledger
  await publishIntents(watched.bridge, numbered(2, 4, 6, 8, 10))
  // Found in one look, and so of one time.
  await untilOpen(watched, 5)

  const pageOf = (before?: string) =>
    watched.bridge.request(
      listFindings,
      { limit: 2, ...(before !== undefined && { before }) },
      { context: OPERATOR },
    )
  const first = await pageOf()
  const second = await pageOf(first.next)
  const third = await pageOf(second.next)

  const pages = [first, second, third].map(({ findings }) => findings)
  expect(pages.map(({ length }) => length)).toEqual([2, 2, 1])
  expect(third.next).toBeUndefined()
  expect(pages.flat()).toEqual(await findingsOf(watched.bridge))
})

test('the last page of a list names no next one, full as it is', async () => {
  const watched = await givenWatched()
  ledger = watched.ledger
  await publishIntents(watched.bridge, numbered(2, 4, 6, 8))
  await untilOpen(watched, 4)

  const page = await watched.bridge.request(listFindings, { limit: 4 }, { context: OPERATOR })

  expect(page.findings).toHaveLength(4)
  expect(page).not.toHaveProperty('next')
})

test('a finding can be removed or changed by nobody, and cleared once', async () => {
  const bridge = await givenScrubbed()
  await flip(ledger, 'payload_batches', FLIPPED.salt)
  await untilFound(bridge)
  await ledger.rest()

  for (const statement of [
    'delete from audit_findings',
    'truncate audit_findings',
    `update audit_findings set place = 'entry 1', cleared_at = now()`,
    'update audit_findings set halts = not halts, cleared_at = now()',
    'update audit_findings set cleared_at = null',
  ]) {
    await expect(ledger.sql(statement)).rejects.toMatchObject({ code: 'MU010' })
  }
  // An act without its audit intent.
  await expect(ledger.sql('update audit_findings set cleared_at = now()')).rejects.toMatchObject({
    code: 'MU002',
  })
})

test('a payload that was erased with a redaction is no finding, and every value is still judged', async () => {
  const bridge = await givenScrubbed()
  const [erased] = await ledger.sql<{ id: string; chain: string }>(
    'select id, chain from event_keys where log_index = 5',
  )
  const { id = '', chain = '' } = erased ?? {}
  const request = { requestId: uuidv7(), source: 'bridge', id, reason: 'asked', legalBasis: 'law' }
  const context = { tenantId: chain, actor: { id: 'operator:dpo', kind: 'human' } } as const

  await bridge.request(redactPayload, request, { context })

  await untilSignedUpTo(ledger, 65)
  const vkey = await vkeyOf(ledger)
  await ledger.rest()
  expect(await scrubAll(ledger, vkey)).toMatchObject({ found: [], isWhole: true })
  expect(await ledger.sql('select from audit_findings')).toEqual([])
})

test('a redaction that is on record and not sealed yet is no finding, and hides what it erased', async () => {
  await givenScrubbed()
  const vkey = await vkeyOf(ledger)
  await ledger.rest()
  const connection = openConnection(ledger.adminUrl)
  await connection.query({ text: 'set search_path = audit_ledger' })
  const scrubber = openScrubber({
    connection,
    openNote: noteOpener(vkey),
    readCopy: () => Promise.resolve(undefined),
  })
  for (const text of [
    'begin',
    `insert into redactions (log_index, redaction_id, reason, legal_basis, redacted_by, redacted_at)
     values (5, '${uuidv7()}', 'asked', 'law', 'operator:dpo', now())`,
    'select erase_payload(5)',
    'select erase_hashes(source, id) from event_keys where log_index = 5',
  ]) {
    await connection.query({ text })
  }

  const { found, end } = await scrubPass(scrubber)

  await connection.query({ text: 'rollback' })
  await connection.close()
  expect({ found, isWhole: end.isWhole }).toEqual({ found: [], isWhole: false })
})
