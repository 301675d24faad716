import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { givenAgent, givenMessage, givenTenant, startApi, type Api } from './given.ts'

let api: Api

beforeAll(async () => {
  api = await startApi()
}, 120_000)

afterAll(async () => {
  await api.stop()
})

test('a message travels from one agent to another, and its receipt verifies offline', async () => {
  const { call, operator } = api
  const tenantId = await givenTenant(api)
  const ada = await givenAgent(api, tenantId, 'ada')
  const bob = await givenAgent(api, tenantId, 'bob')

  const body = { to: 'bob', text: 'Grüße, “Bob” 🌍', contentType: 'text/markdown' }
  const sent = await call({ method: 'POST', path: '/v1/messages', token: ada, body })
  expect(sent.status).toBe(202)
  expect(sent.json).toEqual({ messageId: expect.any(String), status: 'queued' })
  const messageId = String(sent.json['messageId'])

  const inbox = await call({ path: '/v1/inbox', token: bob })
  expect(inbox.json['messages']).toEqual([
    expect.objectContaining({ position: 1, messageId, from: 'ada', text: body.text }),
  ])
  const ack = `/v1/inbox/${messageId}/ack`
  const acknowledged = await call({ method: 'POST', path: ack, token: bob })
  const again = await call({ method: 'POST', path: ack, token: bob })
  expect(again.json).toEqual(acknowledged.json)
  const unread = await call({ path: '/v1/inbox?unreadOnly=true', token: bob })
  expect(unread.json['messages']).toEqual([])
  const seen = await call({ path: `/v1/messages/${messageId}`, token: ada })
  expect(seen.json['deliveries']).toMatchObject([{ to: 'bob', status: 'acknowledged' }])

  const path = `/v1/messages/${messageId}/receipt`
  const receipt = await eventually(
    async () => {
      const answer = await call({ path, token: ada })
      return answer.status === 200 && !answer.headers.has('retry-after') && answer
    },
    { what: 'an anchored receipt' },
  )
  expect(receipt.headers.get('content-disposition')).toBe(
    `attachment; filename="bridge-${messageId}.tlog-proof"`,
  )
  const key = await call({ path: '/v1/audit/key' })
  const disclosed = await call({
    path: `/v1/audit/receipts/bridge/${messageId}/disclosure`,
    token: ada,
  })
  const verdict = verifyReceipt({
    text: receipt.text,
    vkey: key.text.trim(),
    disclosure: disclosed.text,
  })
  expect(verdict).toMatchObject({
    status: 'valid',
    isPayloadVerified: true,
    entry: {
      source: 'bridge',
      id: messageId,
      chain: tenantId,
      trace: sent.headers.get('trace-id'),
    },
  })
  const seenByOperator = await call({ path: `${path}?tenantId=${tenantId}`, token: operator })
  // The log may have grown in between: another checkpoint, and the same entry under it.
  expect(verifyReceipt({ text: seenByOperator.text, vkey: key.text.trim() })).toMatchObject({
    status: 'valid',
    entry: { source: 'bridge', id: messageId },
  })
})

test('what an agent sent is disclosed to it and to operators, and to no other agent', async () => {
  const { call, operator } = api
  const tenantId = await givenTenant(api)
  const ada = await givenAgent(api, tenantId, 'ada')
  const bob = await givenAgent(api, tenantId, 'bob')
  const messageId = await givenMessage(api, { token: ada, to: 'bob', text: 'between us' })
  const path = `/v1/audit/receipts/bridge/${messageId}/disclosure`

  const own = await eventually(
    async () => {
      const answer = await call({ path, token: ada })
      return answer.status === 200 && answer
    },
    { what: 'the entry to be sealed' },
  )
  const other = await call({ path, token: bob })
  const ofOperator = await call({ path: `${path}?tenantId=${tenantId}`, token: operator })

  expect(own.json).toMatchObject({ payload: { from: 'ada', to: 'bob' } })
  expect([other.status, other.code]).toEqual([404, 'bridge.message-not-found'])
  expect(ofOperator.json).toEqual(own.json)
})

test('an asker gets the answer, or is told that there was none in time', async () => {
  const { call } = api
  const tenantId = await givenTenant(api)
  const ada = await givenAgent(api, tenantId, 'ada')
  const bob = await givenAgent(api, tenantId, 'bob')
  const ask = (timeoutSeconds: number) =>
    call({
      method: 'POST',
      path: '/v1/asks',
      token: ada,
      body: { to: 'bob', text: 'ready?', timeoutSeconds },
    })

  const asked = ask(20)
  const question = await eventually(
    async () => {
      const inbox = await call({ path: '/v1/inbox', token: bob })
      return (inbox.json['messages'] as { messageId: string }[])[0]
    },
    { what: 'the question' },
  )
  const reply = { to: 'ada', text: 'yes', replyTo: question.messageId }
  await call({ method: 'POST', path: '/v1/messages', token: bob, body: reply })

  expect((await asked).json).toMatchObject({
    answered: true,
    messageId: question.messageId,
    answer: { from: 'bob', text: 'yes' },
  })
  const unanswered = await ask(1)
  expect([unanswered.status, unanswered.json]).toEqual([
    200,
    { answered: false, messageId: expect.any(String) },
  ])
})

test('a broadcast reaches every other agent, and peers see who is there', async () => {
  const { call } = api
  const tenantId = await givenTenant(api)
  const tokens = await Promise.all(
    ['ada', 'bob', 'cyd'].map((name) => givenAgent(api, tenantId, name)),
  )
  const [ada, ...others] = tokens

  const body = { text: 'to all' }
  const sent = await call({ method: 'POST', path: '/v1/broadcasts', token: ada, body })

  expect([sent.status, sent.json['recipients']]).toEqual([202, 2])
  for (const token of others) {
    const inbox = await call({ path: '/v1/inbox', token })
    expect(inbox.json['messages']).toMatchObject([{ from: 'ada', kind: 'broadcast' }])
  }
  const beat = { status: 'busy', note: 'reading' }
  await call({ method: 'POST', path: '/v1/heartbeats', token: others[0], body: beat })
  const peers = await call({ path: '/v1/peers', token: ada })
  expect(peers.json['agents']).toMatchObject([
    { name: 'ada' },
    { name: 'bob', lastSeenAt: expect.any(String) },
    { name: 'cyd' },
  ])
})

test('operators read dead letters, drops and the checkpoint', async () => {
  const { call, operator } = api

  const letters = await call({ path: '/v1/dead-letters', token: operator })
  const drops = await call({ path: '/v1/audit/drops', token: operator })
  const checkpoint = await call({ path: '/v1/audit/checkpoint', token: operator })

  expect(letters.json).toEqual({ deadLetters: [] })
  expect(drops.json).toEqual({ drops: [] })
  for (const path of ['/v1/audit/drops', '/v1/audit/findings']) {
    const { status, json } = await call({ path: `${path}?before=x`, token: operator })
    expect([status, json]).toMatchObject([400, { code: 'audit-ledger.invalid-cursor' }])
  }
  expect(checkpoint.text).toMatch(/^localhost\/mumega\n\d+\n/)
})
