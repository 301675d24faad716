import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startApi, type Api } from './given.ts'

let api: Api

beforeAll(async () => {
  api = await startApi()
}, 120_000)

afterAll(async () => {
  await api.stop()
})

test('anybody gets the page that verifies receipts, and its headers let it load and send nothing', async () => {
  const { status, headers, text } = await api.call({ path: '/verify' })
  const script = /<script[^>]*>([^]*?)<\/script>/.exec(text)?.[1] ?? ''
  const policy = headers.get('content-security-policy') ?? ''

  expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  const hash = createHash('sha256').update(script).digest('base64')
  expect(policy).toContain(`script-src 'sha256-${hash}'`)
  expect(policy).toMatch(/^default-src 'none';/)
  expect(policy).toMatch(/frame-ancestors 'none'$/)
  expect(policy).not.toMatch(/unsafe|\*/)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
})

test('the page takes no query, as every route', async () => {
  const { status, json } = await api.call({ path: '/verify?key=x' })

  expect([status, json['field']]).toEqual([400, 'key'])
})
