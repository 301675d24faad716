import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { RequestOf } from '@mumega/contracts/define'
import { getSendPolicy, setSendPolicy } from '@mumega/contracts/send-policy'
import { eventually } from '@mumega/testkit'
import {
  agent,
  areWaiting,
  collectIntents,
  givenAgents,
  givenMessage,
  operator,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'
import {
  allow,
  ALLOW_ALL,
  countRows,
  deny,
  DENY_ALL,
  givenPolicy,
  readPolicy,
} from './given-send-policy.ts'

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
  await bridge.startAnother()
  await givenAgents(bridge, ['lead', 'worker'])
})
afterAll(async () => {
  await bridge.stop()
})

let tenants = 0
/** A tenant that has set nothing. */
const givenTenant = () => `tenant-${(tenants += 1)}`

const set = (tenantId: string, request: Partial<RequestOf<typeof setSendPolicy>>) =>
  bridge.call(operator(tenantId), setSendPolicy, {
    ...{ requestId: randomUUID(), replacesVersion: 0, ...DENY_ALL },
    ...request,
  })

test('a tenant that has set nothing has version 0, by which all is allowed', async () => {
  expect(await readPolicy(bridge, givenTenant())).toEqual({ version: 0, ...ALLOW_ALL })
})

test('a policy is read as it was set, and the ledger has its rules', async () => {
  const tenantId = givenTenant()
  const rules = [allow('worker-*', 'lead', { kinds: ['ask', 'send'] }), deny('*', 'lead')]
  const ledger = await collectIntents(bridge.nats)

  const reply = await set(tenantId, { default: 'allow', rules })

  expect(reply).toEqual({ version: 1, default: 'allow', rules, setAt: expect.any(String) })
  expect(await readPolicy(bridge, tenantId)).toEqual(reply)
  const ofTenant = ({ chain }: { chain: string }) => chain === tenantId
  const intent = await eventually(async () => Promise.resolve(ledger.intents.find(ofTenant)), {
    what: 'the intent',
  })
  await set(tenantId, { replacesVersion: 1 })
  await eventually(async () => Promise.resolve(ledger.intents.filter(ofTenant).length === 2), {
    what: 'the second intent',
  })
  await ledger.stop()
  expect(intent).toMatchObject({
    action: 'send-policy.set',
    target: `send-policy:${tenantId}`,
    actor: { kind: 'human' },
    payload: { version: 1, default: 'allow', rules },
  })
})

test('who replaces another version than the one that is there is told which it is, and changes nothing', async () => {
  const tenantId = givenTenant()
  const reply = await set(tenantId, {})
  const before = await countRows(bridge)

  for (const replacesVersion of [0, 2, 7]) {
    const refused = await refusal(set(tenantId, { replacesVersion, ...ALLOW_ALL }))
    expect(refused).toEqual({
      code: 'bridge.send-policy-changed',
      kind: 'conflict',
      details: { field: 'replacesVersion', replacesVersion, currentVersion: 1 },
    })
  }
  await expect(set(tenantId, {})).rejects.toThrow('has version 1, and not 0 as replacesVersion')
  expect(await readPolicy(bridge, tenantId)).toEqual(reply)
  const { outbox: _published, ...kept } = await countRows(bridge)
  expect(before).toMatchObject(kept)
})

test('of those who replace one version at once, one does', async () => {
  const tenantId = givenTenant()
  for (let replacesVersion = 0; replacesVersion < 5; replacesVersion += 1) {
    const made = await Promise.allSettled(
      Array.from({ length: 8 }, (_, nth) =>
        set(tenantId, { replacesVersion, rules: [allow(`worker-${nth}`, '*')] }),
      ),
    )
    const won = made.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const codes = made.flatMap((each) =>
      each.status === 'rejected' ? [(each.reason as { code: string }).code] : [],
    )
    expect(won).toMatchObject([{ version: replacesVersion + 1 }])
    expect(codes).toEqual(Array.from({ length: 7 }, () => 'bridge.send-policy-changed'))
    expect(await readPolicy(bridge, tenantId)).toEqual(won[0])
  }
})

test('the same request again, and eight times at once, sets one version', async () => {
  const tenantId = givenTenant()
  const request = { requestId: randomUUID(), rules: [deny('a', 'b')] }

  const replies = await Promise.all(Array.from({ length: 8 }, () => set(tenantId, request)))
  await set(tenantId, { replacesVersion: 1 })
  replies.push(await set(tenantId, request))

  expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1)
  expect(await readPolicy(bridge, tenantId)).toMatchObject({ version: 2, ...DENY_ALL })
  const other = refusal(set(tenantId, { ...request, default: 'allow' }))
  expect(await other).toMatchObject({ code: 'db.request-id-reused' })
})

test('agents neither read nor set it', async () => {
  const attempts = [
    bridge.call(agent('lead'), getSendPolicy, {}),
    bridge.call(agent('lead'), setSendPolicy, {
      ...{ requestId: randomUUID(), replacesVersion: 0, ...ALLOW_ALL },
    }),
  ]
  for (const refused of await Promise.all(attempts.map(refusal))) {
    expect(refused).toMatchObject({ code: 'bridge.operators-only' })
  }
})

test('a tenant’s policy is nothing to another’s operator', async () => {
  const [mine, theirs] = [givenTenant(), givenTenant()]
  await set(theirs, {})

  expect(await readPolicy(bridge, mine)).toMatchObject({ version: 0 })
  expect(await set(mine, ALLOW_ALL)).toMatchObject({ version: 1 })
  expect(await readPolicy(bridge, theirs)).toMatchObject({ version: 1, ...DENY_ALL })
})

test('a hundred rules of the longest names are taken, and each counts', async () => {
  const [tenantId, longest] = [givenTenant(), 'a'.repeat(62)]
  const rules = Array.from({ length: 99 }, () =>
    allow(`${longest}b*`, `${longest}b*`, { kinds: ['send', 'ask', 'broadcast'] }),
  )
  await givenAgents(bridge, ['a', 'b'], tenantId)
  await set(tenantId, { default: 'allow', rules: [...rules, deny('a', 'b')] })

  const byLast = givenMessage(bridge, agent('a', tenantId), { to: 'b', text: 'x' })
  expect(await refusal(byLast)).toMatchObject({ code: 'bridge.send-not-allowed' })
  await givenMessage(bridge, agent('b', tenantId), { to: 'a', text: 'x' })
})

test.each([
  ['rules', { rules: Array.from({ length: 101 }, () => allow('*', '*')) }],
  ...['**', 'a*b', '', '*a', 'Worker-*', 'worker_*', 'a'.repeat(64), 'a*\n'].flatMap((odd) => [
    ['rules/1/from', { rules: [allow('*', '*'), allow(odd, '*')] }] as const,
    ['rules/0/to', { rules: [allow('*', odd)] }] as const,
  ]),
  ['rules/0/kinds', { rules: [allow('*', '*', { kinds: [] })] }],
  ['rules/0/kinds', { rules: [allow('*', '*', { kinds: ['ask', 'ask'] })] }],
  ['rules/0/kind', { rules: [{ ...allow('*', '*'), kind: ['ask'] }] }],
  ['rules/0/effect', { rules: [{ from: '*', to: '*' }] }],
  ['default', { default: 'maybe' }],
  ['replacesVersion', { replacesVersion: -1 }],
])('what is wrong with %s is refused, which it names (%#)', async (field, fields) => {
  const tenantId = givenTenant()
  const refused = await refusal(set(tenantId, fields as Parameters<typeof set>[1]))

  expect(refused).toMatchObject({ code: 'bus.invalid-request', details: { field } })
  expect(await readPolicy(bridge, tenantId)).toMatchObject({ version: 0 })
})

const send = (text = 'x') => givenMessage(bridge, agent('worker'), { to: 'lead', text })

async function countMessages(): Promise<number> {
  const found = await bridge.admin.raw<{ rows: { count: number }[] }>(
    `select count(*)::int as count from messages where tenant_id = 'acme'`,
  )
  return found.rows[0]?.count ?? 0
}

test('a policy is not answered for before what was judged by the one before it is accepted', async () => {
  await givenPolicy(bridge, ALLOW_ALL)
  const order: string[] = []
  const held = await bridge.admin.transaction()
  await held.raw(`select from inboxes where tenant_id = 'acme' and agent = 'lead' for update`)
  const sending = send().then(() => order.push('accepted'))
  await eventually(() => areWaiting(bridge.admin, 1), { what: 'the message, judged already' })
  const setting = givenPolicy(bridge, DENY_ALL).then(() => order.push('set'))
  await eventually(() => areWaiting(bridge.admin, 2), { what: 'the policy behind it' })

  await held.rollback()
  await Promise.all([sending, setting])

  expect(order).toEqual(['accepted', 'set'])
  expect(await refusal(send())).toMatchObject({ code: 'bridge.send-not-allowed' })
})

test.each([
  ['replaced', 'acme', `select from send_policies where tenant_id = 'acme' for update`],
  ['first set', 'early', `lock table send_policies in share row exclusive mode`],
])('a message that comes while a policy is %s is judged by the new one', async (_how, ...row) => {
  const [tenantId, lock] = row
  if (tenantId === 'acme') await givenPolicy(bridge, ALLOW_ALL)
  else await givenAgents(bridge, ['lead', 'worker'], tenantId)
  const held = await bridge.admin.transaction()
  await held.raw(lock)
  const setting = givenPolicy(bridge, DENY_ALL, tenantId)
  await eventually(() => areWaiting(bridge.admin, 1), { what: 'the policy before its write' })
  const message = { to: 'lead', text: 'x' }
  const sending = refusal(givenMessage(bridge, agent('worker', tenantId), message))
  await eventually(() => areWaiting(bridge.admin, 2), { what: 'the message behind it' })

  await held.rollback()

  expect(await sending).toMatchObject({ code: 'bridge.send-not-allowed' })
  await setting
})

test('nothing is accepted by the old policy once the new one was answered for, however many send', async () => {
  for (let round = 0; round < 6; round += 1) {
    await givenPolicy(bridge, ALLOW_ALL)
    const before = await countMessages()
    const senders = Array.from({ length: 8 }, async () => {
      for (;;) {
        try {
          await send(`round ${round}`)
        } catch (error) {
          return (error as { code: string }).code
        }
      }
    })
    await eventually(async () => (await countMessages()) > before + 8, { what: 'a crowd' })

    await givenPolicy(bridge, DENY_ALL)
    const accepted = await countMessages()

    expect(new Set(await Promise.all(senders))).toEqual(new Set(['bridge.send-not-allowed']))
    expect(await countMessages()).toBe(accepted)
  }
}, 60_000)
