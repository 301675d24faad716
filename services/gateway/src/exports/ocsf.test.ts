import { describe, expect, test } from '@jest/globals'
import type { LeafEntry } from '@mumega/tlog/entry'
import { ocsf } from './ocsf.ts'

const ENTRY: LeafEntry = {
  v: 1,
  source: 'bridge',
  id: '0193a0b0-1111-7000-8000-000000000001',
  chain: 'acme',
  seq: 7,
  prev: 'ab'.repeat(32),
  time: '2026-11-21T08:00:00.123Z',
  actor: { id: 'agent:kasra', kind: 'agent' },
  action: 'message.accepted',
  target: 'message:1',
  phase: 'fact',
  trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  payload: 'cd'.repeat(32),
}

type Json = Readonly<Record<string, unknown>>

function eventOf(fields: Partial<LeafEntry> = {}): Json {
  const entry = { ...ENTRY, ...fields }
  const place = { index: 40, leafHash: 'ef'.repeat(32), before: [], isRedacted: false }
  return JSON.parse(ocsf.line({ ...place, entry, text: JSON.stringify(entry) })) as Json
}

function trailerOf(): Json {
  const trailer = { exportedAt: '2026-11-21T09:00:00.000Z', filter: {}, disclosed: false }
  return JSON.parse(ocsf.end({ ...trailer, count: 0, size: 0, after: [] })) as Json
}

/** The value at a dotted path. */
function at(event: Json, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, name) => (value as Json | undefined)?.[name], event)
}

// Of the schema's version 1.8.0: what base_event, api_activity and the objects that they require
// call `required`, and of which at least one must be there. No profile is claimed, so that what
// profiles require does not apply.
const REQUIRED: [path: string, type: string][] = [
  ['activity_id', 'number'],
  ['category_uid', 'number'],
  ['class_uid', 'number'],
  ['severity_id', 'number'],
  ['time', 'number'],
  ['type_uid', 'number'],
  ['metadata', 'object'],
  ['metadata.version', 'string'],
  ['metadata.product', 'object'],
  ['actor', 'object'],
  ['api', 'object'],
  ['api.operation', 'string'],
  ['src_endpoint', 'object'],
]
const ONE_OF: [object: string, names: string[]][] = [
  ['metadata.product', ['name', 'uid']],
  ['actor', ['process', 'user', 'invoked_by', 'session', 'app_name', 'app_uid']],
  ['api.service', ['name', 'uid']],
  ['src_endpoint', ['ip', 'uid', 'name', 'hostname', 'svc_name']],
]

describe.each<[string, () => Json]>([
  ['an agent’s act', () => eventOf()],
  ['a service’s act', () => eventOf({ actor: { id: 'service:bridge', kind: 'service' } })],
  ['a person’s act', () => eventOf({ actor: { id: 'operator:1', kind: 'human' } })],
  ['an act that the schema has no word for', () => eventOf({ action: 'deal.haggled' })],
  ['the trailer', trailerOf],
])('%s', (_name, event) => {
  test('has every attribute that OCSF 1.8.0 requires of API Activity', () => {
    for (const [path, type] of REQUIRED)
      expect([path, typeof at(event(), path)]).toEqual([path, type])
    for (const [object, names] of ONE_OF) {
      const held = Object.keys((at(event(), object) as Json | undefined) ?? {})
      expect(names.filter((name) => held.includes(name))).not.toEqual([])
    }
    expect(at(event(), 'metadata.version')).toBe('1.8.0')
    expect(at(event(), 'metadata.profiles')).toBeUndefined()
  })

  test('is classified as API Activity, its type made of class and activity', () => {
    const { category_uid, class_uid, activity_id, type_uid } = event()
    expect({ category_uid, class_uid }).toEqual({ category_uid: 6, class_uid: 6003 })
    expect([0, 1, 2, 3, 4, 99]).toContain(activity_id)
    expect(type_uid).toBe(600_300 + Number(activity_id))
  })
})

test.each([
  ['message.accepted', 1, 'Create'],
  ['audit.exported', 2, 'Read'],
  ['deal.moved', 3, 'Update'],
  ['payload.redacted', 4, 'Delete'],
  ['deal.haggled', 99, 'haggled'],
])('%s is activity %i, %s', (action, id, name) => {
  expect(eventOf({ action })).toMatchObject({ activity_id: id, activity_name: name })
})

test('what the schema has no place for is kept as it is', () => {
  const of = '0193a0b0-1111-7000-8000-000000000002'
  const { unmapped, metadata, time } = eventOf({ phase: 'outcome', of })
  const { payload, prev } = ENTRY
  const leafHash = 'ef'.repeat(32)
  expect(unmapped).toEqual({ index: 40, leafHash, phase: 'outcome', of, payload, prev })
  expect(metadata).toMatchObject({ correlation_uid: ENTRY.trace, tenant_uid: 'acme', sequence: 7 })
  expect(time).toBe(Date.parse(ENTRY.time))
})
