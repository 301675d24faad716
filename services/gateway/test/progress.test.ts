import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
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

const dayFromNow = (days: number) =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
const keyOf = (principalId: string) => join(api.suite.principalsFolder, `${principalId}.key`)
const cli = (words: readonly string[], token = kasra) =>
  mumega([...words, '--url', api.suite.gatewayUrl], token)

async function ratified(): Promise<string> {
  const body = { ...CONTENT, period: { from: dayFromNow(-9), to: dayFromNow(10) } }
  const made = await api.call({ method: 'POST', path: '/v1/objectives', token: kasra, body })
  const objectiveId = String(made.json['objectiveId'])
  const path = `/v1/objectives/${objectiveId}/versions/1/propose`
  const { json } = await api.call({ method: 'POST', path, token: kasra })
  const seen = ['--version', '1', '--sha256', String(json['sha256']), '--tenant', tenantId]
  const words = ['objective', 'ratify', objectiveId, ...seen]
  const done = await cli([...words, '--key', keyOf('agent.athena')])
  expect(done).toMatchObject({ code: 0, stderr: '' })
  return objectiveId
}

test('what agents remember becomes progress, with its evidence, when mizan has the day computed', async () => {
  const objectiveId = await ratified()
  const path = `/v1/objectives/${objectiveId}/progress`
  expect(await api.call({ path, token: kasra })).toMatchObject({
    ...{ status: 404, code: 'objectives.progress-not-found' },
  })
  for (const text of ['globex paid', 'initech paid', 'hooli paid', 'umbrella paid']) {
    const body = { kind: 'payment', text, tier: 'public' }
    const remembered = await api.call({ method: 'POST', path: '/v1/engrams', token: kasra, body })
    expect(remembered.status).toBe(201)
  }

  const words = ['progress', 'run', '--tenant', tenantId, '--key', keyOf('agent.mizan')]
  const asked = await cli(words)
  expect(asked).toMatchObject({ code: 0, stderr: '' })
  const { day } = JSON.parse(asked.stdout) as { day: string }
  const computed = await eventually(
    async () => {
      const answer = await api.call({ path, token: kasra })
      return answer.status === 200 && answer.json
    },
    { what: 'the day is computed' },
  )

  expect(computed).toMatchObject({ objectiveId, day, standing: expect.any(String) })
  expect(computed['keyResults']).toMatchObject([
    { keyResultId: 'paying', value: 4, confidence: 'present', engrams: { count: 4 } },
  ])
  const shown = await cli(['progress', 'show', objectiveId, '--day', day])
  expect(JSON.parse(shown.stdout)).toEqual(computed)
  const evidence = await api.call({ path: `${path}/${day}/paying/engrams?limit=3`, token: kasra })
  expect(evidence.json['engrams']).toHaveLength(3)
  const next = String(evidence.json['next'])
  const rest = await api.call({
    ...{ path: `${path}/${day}/paying/engrams?limit=3&after=${next}`, token: kasra },
  })
  expect(rest.json['engrams']).toHaveLength(1)
  expect(rest.json['next']).toBeUndefined()

  const cited = await cli(['progress', 'evidence', objectiveId, day, 'paying', '--limit', '3'])
  expect(cited).toMatchObject({ code: 0, stderr: '' })
  expect(cited.stdout.match(/ payment$/gm)).toHaveLength(3)
  expect(cited.stdout.endsWith(`\nMore: --after ${next}\n`)).toBe(true)
  const runs = await cli(['progress', 'runs'])
  expect(runs.stdout).toMatch(new RegExp(`^${day} {2}done +1 {2}agent\\.mizan$`, 'm'))
  expect((await cli(['progress', 'runs', '--before', day])).stdout).toBe('none\n')
})

test('an operator says with the CLI when the days are computed, and anybody sees it', async () => {
  const words = ['progress', 'schedule', '--tenant', tenantId]
  const change = [...words, '--time-zone', 'Europe/Berlin', '--at', '03:30']
  const refused = await cli(change)
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('(gateway.scope-missing)')
  const changed = await cli(change, api.operator)
  expect(changed).toMatchObject({ code: 0, stderr: '' })
  const shown = await cli(words)
  expect(JSON.parse(shown.stdout)).toMatchObject({ timeZone: 'Europe/Berlin', runAt: '03:30' })
})

test('LOCK-OBJ-3: an operator with every scope has nothing computed, and reads what is to be signed', async () => {
  const path = `/v1/progress-runs?tenantId=${tenantId}`
  const schedule = await api.call({
    ...{ path: `/v1/progress-schedule?tenantId=${tenantId}`, token: api.operator },
  })
  const body = { day: schedule.json['today'], note: 'because I say so' }
  const refused = await api.call({ method: 'POST', path, token: api.operator, body })

  expect(refused).toMatchObject({ status: 403, code: 'objectives.signature-invalid' })
  expect(refused.json['expected']).toContain('mumega/run-progress/v1\n')
  const notMizan = await cli([
    ...['progress', 'run', '--tenant', tenantId, '--key', keyOf('agent.athena')],
  ])
  expect(notMizan.code).toBe(64)
  expect(notMizan.stderr).toContain('only agent.mizan')
})

test('an operator says when a tenant’s days are computed, and its agents do not', async () => {
  const path = `/v1/progress-schedule?tenantId=${tenantId}`
  const put = (body: object, token: string | undefined) =>
    api.call({ method: 'PUT', path, token, body })
  const berlin = { timeZone: 'Europe/Berlin', runAt: '05:00' }

  expect((await put(berlin, kasra)).code).toBe('gateway.scope-missing')
  const wrong = await put({ timeZone: 'Europe/Nowhere', runAt: '05:00' }, api.operator)
  expect(wrong).toMatchObject({ status: 400, code: 'objectives.invalid-schedule' })
  const late = await put({ timeZone: 'Europe/Berlin', runAt: '25:00' }, api.operator)
  expect(late.json['detail']).toContain('must be a time of day, as 02:00')
  expect(await put(berlin, api.operator)).toMatchObject({ status: 200, json: berlin })
  expect((await api.call({ path, token: kasra })).json).toMatchObject(berlin)
})

test('another tenant sees neither progress nor runs of this one', async () => {
  const objectiveId = await ratified()
  const { givenTenant, givenAgent } = await import('./given.ts')
  const stranger = await givenAgent(api, await givenTenant(api), 'eve')
  const seen = await Promise.all(
    [`/v1/objectives/${objectiveId}/progress`, `/v1/progress-runs?tenantId=${tenantId}`].map(
      (path) => api.call({ path, token: stranger }),
    ),
  )

  expect(seen.map(({ status }) => status).every((status) => status >= 400)).toBe(true)
  const own = await api.call({ path: '/v1/progress-runs', token: stranger })
  expect(own.json).toEqual({ runs: [] })
})
