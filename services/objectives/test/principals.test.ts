import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  getPrincipal,
  listPrincipals,
  reinstatePrincipal,
  rotateKey,
  suspendPrincipal,
} from '@mumega/contracts/principals'
import { generateVkey, signerFromSeed, type Signer } from '@mumega/tlog/note'
import { statementText } from '@mumega/tlog/statement'
import {
  agent,
  newSigner,
  noteOf,
  operator,
  refusal,
  refusalsOf,
  rotation,
  startTestObjectives,
  tallyOf,
  vkeyOf,
  type TestObjectives,
} from './given.ts'

let objectives: TestObjectives
/** A principal for each test that changes one. */
const NAMES = [
  'agent.athena',
  ...['moved', 'forged', 'raced', 'used', 'suspended', 'first', 'second', 'twice'].map(
    (n) => `agent.${n}`,
  ),
]

beforeAll(async () => {
  objectives = await startTestObjectives(NAMES.map(newSigner))
}, 60_000)
afterAll(() => objectives.stop())

function signerOf(name: string): Signer {
  const signer = objectives.signers.get(name)
  if (signer === undefined) throw new Error(`there is no ${name}`)
  return signer
}

const keysOf = async (principalId: string) => {
  const found = await objectives.call(agent('kasra'), getPrincipal, { principalId })
  return found.keys.map(({ number, vkey }) => [number, vkey])
}

const tally = () => tallyOf(objectives)

test('the installation’s principals are there, for everybody to see, each with one key', async () => {
  const { principals } = await objectives.call(agent('kasra'), listPrincipals, {})

  expect(principals.map(({ principalId, status, key }) => [principalId, status, key.vkey])).toEqual(
    [...NAMES].sort().map((name) => [name, 'active', vkeyOf(signerOf(name))]),
  )
})

test('a principal gives its place to another key, once, and the old one is remembered', async () => {
  const [from, to] = [signerOf('agent.moved'), newSigner('agent.moved')]
  const order = rotation(from, to)

  const changed = await objectives.call(agent('kasra'), rotateKey, order)
  expect(await objectives.call(agent('kasra'), rotateKey, order)).toEqual(changed)

  expect(changed.key).toMatchObject({ number: 2, vkey: vkeyOf(to), rotation: order.note })
  const { keys } = await objectives.call(operator(), getPrincipal, { principalId: from.name })
  expect(keys.map(({ number, vkey }) => [number, vkey])).toEqual([
    [2, vkeyOf(to)],
    [1, vkeyOf(from)],
  ])
  expect(keys[1]?.validUntil).toBe(keys[0]?.validFrom)
})

test('LOCK-OBJ-1: no operator, agent or other principal gives a principal a key', async () => {
  const [from, to] = [signerOf('agent.forged'), newSigner('agent.forged')]
  const athena = signerOf('agent.athena')
  const text = (order: { from: string; to: string }) =>
    statementText('rotate-key', { principal: from.name, ...order })
  const right = text({ from: vkeyOf(from), to: vkeyOf(to) })
  const good = rotation(from, to)
  const wrong: [fault: string, note: string][] = [
    ['unsigned', noteOf(right, [to])],
    ['unsigned', noteOf(right, [from])],
    ['unsigned', noteOf(right, [athena, to])],
    ['unsigned', noteOf(right, [newSigner(from.name), to])],
    ['malformed', right],
    ['malformed', 'whatever'],
    ['invalid-signature', good.note.replace('rotate-key', 'rotate-kez')],
    ['invalid-signature', noteOf(right, [from, to]).replace(/.{8}\n$/, 'AAAAAAA=\n')],
    ['other-text', noteOf(text({ from: vkeyOf(to), to: vkeyOf(from) }), [from, to])],
    ['other-text', noteOf(`${right}\n`, [from, to])],
    ['other-text', noteOf(right.replace('mumega/rotate-key', 'mumega/ratify'), [from, to])],
  ]
  const before = await tally()
  for (const context of [operator(), operator('acme'), agent('kasra'), agent('forged')]) {
    const refusals = await refusalsOf(
      wrong.map(([, note]) => note),
      (note) => objectives.call(context, rotateKey, { ...good, requestId: randomUUID(), note }),
    )
    expect(refusals).toEqual(wrong.map(([fault]) => ['objectives.signature-invalid', fault, right]))
  }
  expect(await tally()).toEqual(before)
})

test('of two rotations at once one counts, and the other was of a key that counts no more', async () => {
  const from = signerOf('agent.raced')
  const orders = Array.from({ length: 6 }, () => rotation(from, newSigner(from.name)))

  const answers = await Promise.allSettled(
    orders.map((order) => objectives.call(agent('kasra'), rotateKey, order)),
  )

  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const reasons = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [(answer.reason as { code: string }).code] : [],
  )
  expect(new Set(reasons)).toEqual(new Set(['objectives.signature-invalid']))
  expect(await keysOf(from.name)).toHaveLength(2)
})

test('a key that was anybody’s never comes back', async () => {
  const [first, second] = [signerOf('agent.used'), newSigner('agent.used')]
  await objectives.call(agent('kasra'), rotateKey, rotation(first, second))
  const back = rotation(second, first)
  const same = rotation(second, second)

  for (const order of [back, same]) {
    const { code } = await refusal(objectives.call(agent('kasra'), rotateKey, order))
    expect(code).toBe('objectives.key-used')
  }
  expect(await keysOf('agent.used')).toEqual([
    [2, vkeyOf(second)],
    [1, vkeyOf(first)],
  ])
})

test('a key of one principal is no other’s, now or later', async () => {
  const seed = randomBytes(32)
  const [mine, theirs] = ['agent.first', 'agent.second'].map((name) => signerFromSeed(name, seed))
  if (mine === undefined || theirs === undefined) throw new Error('there are two')
  await objectives.call(agent('kasra'), rotateKey, rotation(signerOf('agent.first'), mine))

  const order = rotation(signerOf('agent.second'), theirs)
  const { code } = await refusal(objectives.call(agent('kasra'), rotateKey, order))

  expect(code).toBe('objectives.key-used')
  expect(await keysOf('agent.second')).toEqual([[1, vkeyOf(signerOf('agent.second'))]])
})

test('LOCK-OBJ-1: a key that everybody can sign for is no principal’s', async () => {
  const identity = Buffer.from('01'.padEnd(64, '0'), 'hex')
  const order = rotation(signerOf('agent.twice'), newSigner('agent.twice'))
  const vkey = generateVkey('agent.twice', identity)
  const refused = await refusal(objectives.call(agent('kasra'), rotateKey, { ...order, vkey }))
  expect(refused).toMatchObject({ code: 'objectives.invalid-key', details: { field: 'vkey' } })
})

test.each([
  ['of another name', () => vkeyOf(newSigner('agent.other'))],
  [
    'whose id is not its own',
    () => vkeyOf(newSigner('agent.twice')).replace(/\+[0-9a-f]{8}/, '+00000000'),
  ],
])('a key %s is refused by its field', async (_what, vkey) => {
  const order = rotation(signerOf('agent.twice'), newSigner('agent.twice'))
  const refused = await refusal(
    objectives.call(agent('kasra'), rotateKey, { ...order, vkey: vkey() }),
  )
  expect(refused).toMatchObject({ code: 'objectives.invalid-key', details: { field: 'vkey' } })
})

test('LOCK-OBJ-1: nothing that a suspended principal signs counts, until an operator reinstates it', async () => {
  const [from, to] = [signerOf('agent.suspended'), newSigner('agent.suspended')]
  const principalId = from.name
  const change = () => ({ requestId: randomUUID(), principalId, reason: 'its key is in doubt' })
  const suspended = await objectives.call(operator(), suspendPrincipal, change())
  expect(suspended).toMatchObject({ status: 'suspended', statusReason: 'its key is in doubt' })

  const order = rotation(from, to)
  const refused = await refusal(objectives.call(operator(), rotateKey, order))
  expect(refused.code).toBe('objectives.principal-suspended')
  expect(await objectives.call(operator(), suspendPrincipal, change())).toEqual(suspended)

  const again = await objectives.call(operator(), reinstatePrincipal, change())
  expect(again).toMatchObject({ status: 'active', key: { number: 1, vkey: vkeyOf(from) } })
  expect(await objectives.call(operator(), rotateKey, order)).toMatchObject({ key: { number: 2 } })
})

test('only an operator of the substrate suspends and reinstates', async () => {
  const before = await tally()
  for (const context of [operator('acme'), agent('athena'), agent('athena', 'substrate')]) {
    for (const contract of [suspendPrincipal, reinstatePrincipal]) {
      const request = { requestId: randomUUID(), principalId: 'agent.athena', reason: 'because' }
      const { code } = await refusal(objectives.call(context, contract, request))
      expect(code).toBe('objectives.operators-only')
    }
  }
  expect(await tally()).toEqual(before)
})

test('a principal that is not there is refused by its name, in every command', async () => {
  const principalId = 'agent.nobody'
  const nobody = newSigner(principalId)
  const change = { requestId: randomUUID(), principalId, reason: 'because' }
  const attempts = [
    objectives.call(operator(), getPrincipal, { principalId }),
    objectives.call(operator(), suspendPrincipal, change),
    objectives.call(operator(), reinstatePrincipal, { ...change, requestId: randomUUID() }),
    objectives.call(operator(), rotateKey, rotation(nobody, newSigner(principalId))),
  ].map(refusal)
  for (const refused of await Promise.all(attempts)) {
    expect(refused).toEqual({ code: 'objectives.principal-not-found', details: { principalId } })
  }
})

test.each([
  ['too long', 'é'.repeat(1_001), 'objectives.text-too-large'],
  ['not storable', 'a\u0000b', 'objectives.invalid-text'],
])('a reason that is %s is refused', async (_what, reason, code) => {
  const request = { requestId: randomUUID(), principalId: 'agent.athena', reason }
  const refused = await refusal(objectives.call(operator(), suspendPrincipal, request))
  expect(refused).toMatchObject({ code, details: { field: 'reason' } })
})

test('the service can add and end keys and change what is said of a principal, and nothing else', async () => {
  const asService = (statement: string) =>
    objectives.db.transaction(async (trx) => {
      await trx.raw(`select set_config('mumega.tenant_id', 'substrate', true)`)
      await trx.raw(statement)
    })
  const kept = [
    `update principal_keys set public_key = decode(repeat('00', 32), 'hex')`,
    `update principal_keys set valid_until = null where valid_until is not null`,
    `update substrate_principals set principal_id = 'agent.other'`,
    `delete from principal_keys`,
    `delete from substrate_principals`,
    `update substrate_principals set status_reason = 'unaudited'`,
  ]
  const before = await tally()
  for (const statement of kept)
    await expect(asService(statement)).rejects.toThrow(/denied|ends|audit/)
  expect(await tally()).toEqual(before)
})

test('a tenant’s act writes no principal', async () => {
  const asTenant = objectives.db.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
    await trx.raw(
      `insert into substrate_principals (principal_id, display_name, registered_at)
       values ('agent.mine', 'Mine', now())`,
    )
  })
  await expect(asTenant).rejects.toThrow('row-level security')
})
