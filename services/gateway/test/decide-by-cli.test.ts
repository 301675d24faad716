import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { CONTENT, startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
let kasra: string

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent())
}, 120_000)
afterAll(() => api.stop())

const keyOf = (principalId: string) => join(api.suite.principalsFolder, `${principalId}.key`)

interface Shown extends Record<string, unknown> {
  objectiveId: string
  sha256: string
}

async function send(path: string, body?: object, method: 'POST' | 'PUT' = 'POST') {
  const { status, json } = await api.call({ method, path, token: kasra, body })
  expect(status).toBeLessThan(300)
  return json as Shown
}

async function proposed(): Promise<Shown> {
  const { objectiveId } = await send('/v1/objectives', CONTENT)
  return send(`/v1/objectives/${objectiveId}/versions/1/propose`)
}

/** Decides of what was looked at at the real gateway, wherever it then asks. */
async function decide(given: readonly string[], url = api.suite.gatewayUrl, token = kasra) {
  const words = given.includes('--version') ? given : [...given, '--version', '1']
  const version = words[words.indexOf('--version') + 1]
  const looked = await api.call({
    path: `/v1/objectives/${words[1]}?version=${version}`,
    token: kasra,
  })
  const named = ['--tenant', tenantId, '--sha256', String(looked.json['sha256'])]
  return mumega(
    ['objective', ...words, ...named, '--key', keyOf('agent.athena'), '--url', url],
    token,
  )
}

test('athena ratifies, declines and retires from her own machine, by whomever’s token', async () => {
  const { objectiveId, sha256 } = await proposed()
  expect(await decide(['ratify', objectiveId])).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: `version 1 of “Strangers pay for what we do” is ratified: ${sha256}\n`,
  })
  const path = `/v1/objectives/${objectiveId}`
  await send(path, { ...CONTENT, title: 'Better', replacesVersion: 1 }, 'PUT')
  await send(`${path}/versions/2/propose`)
  const declined = await decide(['decline', objectiveId, '--version', '2', '--reason', 'No.'])
  expect(declined.stdout).toMatch(/^version 2 of “Better” is declined: /)
  const asOperator = ['retire', objectiveId, '--reason', 'Done.']
  const retired = await decide(asOperator, api.suite.gatewayUrl, api.operator)
  expect(retired).toMatchObject({ code: 0, stderr: '' })
  expect(retired.stdout).toMatch(/^version 1 of “Strangers pay for what we do” is retired: /)
  const shown = await mumega(
    ['objective', 'show', objectiveId, '--version', '1', '--url', api.suite.gatewayUrl],
    kasra,
  )
  expect(JSON.parse(shown.stdout)).toMatchObject({ state: 'retired', sha256 })
})

test('what is refused is told, and what makes no sense is not sent', async () => {
  const { objectiveId } = await proposed()
  const url = ['--url', api.suite.gatewayUrl, '--sha256', 'a'.repeat(64), '--tenant', tenantId]
  const loom = [
    'objective',
    'ratify',
    objectiveId,
    '--version',
    '1',
    '--key',
    keyOf('agent.loom'),
    ...url,
  ]
  const athena = ['objective', 'ratify', objectiveId, '--key', keyOf('agent.athena'), ...url]
  for (const [words, told] of [
    [loom, 'only agent.athena decides'],
    [[...athena, '--version', '1', '--reason', 'x'], '--reason'],
    [athena, '--version'],
    // No server says for which tenant is signed.
    [[...athena.slice(0, -2), '--version', '1'], '--tenant is missing'],
    [[...athena, '--version', 'abc'], '--version'],
    [['objective', 'decline', ...athena.slice(2), '--version', '1'], '--reason'],
    [['objective', 'decline', ...athena.slice(2), '--version', '1', '--reason', ''], '--reason'],
    [
      ['objective', 'decline', ...athena.slice(2), '--version', '1', '--reason', '\u0001'],
      '--reason',
    ],
    [['objective', 'ratify', 'this', '--key', keyOf('agent.athena'), ...url], 'by its id'],
    [['objective', 'ratify', objectiveId, ...url], '--key'],
    [['objective', 'bless', objectiveId, ...url], 'mumega objective show'],
  ] as const) {
    const ran = await mumega(words, kasra)
    expect([ran.code, ran.stdout]).toEqual([64, ''])
    expect(ran.stderr).toContain(told)
  }
  const retired = await decide(['retire', objectiveId, '--reason', 'Done.'])
  expect(retired).toMatchObject({ code: 1, stdout: '' })
  expect(retired.stderr).toContain('is proposed, and not ratified: nothing was signed')
  const objected = `/v1/objectives/${objectiveId}/versions/1/objections`
  await send(objected, { reason: 'It pays nobody.' })
  const unread = await decide(['ratify', objectiveId])
  expect(unread).toMatchObject({ code: 1, stdout: '' })
  expect(unread.stderr).toContain('1 objections: read them, and name --objections 1')
  expect(await decide(['ratify', objectiveId, '--objections', '1'])).toMatchObject({ code: 0 })
})

test('a gateway that answers with something else than was asked for gets no signature', async () => {
  const objective = await proposed()
  await send(
    `/v1/objectives/${objective.objectiveId}`,
    { ...CONTENT, title: 'Harmful', replacesVersion: 1 },
    'PUT',
  )
  const other = await api.call({
    path: `/v1/objectives/${objective.objectiveId}?version=2`,
    token: kasra,
  })
  const { content, sha256 } = other.json
  const objection = { number: 1, by: 'agent:river', at: new Date().toISOString(), reason: 'No.' }
  const lies = [
    { content: { ...CONTENT, title: 'Harmless' } },
    // Whole in itself, and not what was looked at.
    { content, sha256 },
    { objections: [objection] },
    { objectiveId: randomUUID() },
    { version: 2 },
    { tenantId: 'globex' },
    { state: 'draft' },
  ]
  const asked: string[] = []
  let lie: object = {}
  const liar = createServer((request, response) => {
    asked.push(request.method ?? '')
    const answer = JSON.stringify({ ...objective, ...lie })
    response.setHeader('content-type', 'application/json').end(answer)
  })
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve))
  const { port } = liar.address() as AddressInfo
  const words = ['ratify', objective.objectiveId]

  try {
    for (lie of lies) {
      const ran = await decide(words, `http://127.0.0.1:${port}`)
      expect(ran).toMatchObject({ code: 1, stdout: '' })
      expect(ran.stderr).toContain('nothing was signed')
    }
  } finally {
    liar.close()
  }
  expect(asked).toEqual(lies.map(() => 'GET'))
})
