import { expect, test } from '@jest/globals'
import { openFairQueue } from './fair-queue.ts'

const ROOMY = { runningMax: 4, perKeyMax: 2, waitingMax: 100, waitMs: 60_000 }

/** Work that ends when it is told to. */
function givenWork(log: string[], name: string) {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const work = async () => {
    log.push(name)
    await ended
  }
  return { work, end }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

test('a tenant that floods holds its share, and another runs at once', async () => {
  const queue = openFairQueue(ROOMY)
  const log: string[] = []
  const flood = Array.from({ length: 10 }, (_, nth) => givenWork(log, `acme-${nth}`))
  const other = givenWork(log, 'other')

  const runs = [...flood.map(({ work }) => queue.run('acme', work)), queue.run('other', other.work)]
  await settle()

  expect(log).toEqual(['acme-0', 'acme-1', 'other'])
  for (const { end } of [...flood, other]) end()
  await Promise.all(runs)
  expect(log).toHaveLength(11)
})

test('tenants that wait take turns, each in its own order', async () => {
  const queue = openFairQueue({ ...ROOMY, runningMax: 1 })
  const log: string[] = []
  const names = ['a-0', 'a-1', 'a-2', 'b-0', 'b-1']
  const works = names.map((name) => ({ name, ...givenWork(log, name) }))

  const runs = works.map(({ name, work }) => queue.run(name.slice(0, 1), work))
  for (const { end } of works) end()
  await Promise.all(runs)

  expect(log).toEqual(['a-0', 'b-0', 'a-1', 'b-1', 'a-2'])
})

test('work that fails gives its place back', async () => {
  const queue = openFairQueue({ ...ROOMY, runningMax: 1 })

  await expect(queue.run('acme', () => Promise.reject(new Error('given up')))).rejects.toThrow()

  expect(await queue.run('acme', () => Promise.resolve('next'))).toBe('next')
})

test.each([
  ['when too many wait', { waitingMax: 0, waitMs: 60_000 }],
  ['when its turn does not come in time', { waitingMax: 100, waitMs: 1 }],
])('work is refused without being started %s, and the queue goes on', async (_, bounds) => {
  const queue = openFairQueue({ ...ROOMY, runningMax: 1, ...bounds })
  const log: string[] = []
  const first = givenWork(log, 'first')
  const running = queue.run('acme', first.work)

  const refused = queue.run('acme', givenWork(log, 'refused').work)

  await expect(refused).rejects.toMatchObject({ code: 'db.busy', status: 503 })
  first.end()
  await running
  await queue.run('acme', () => Promise.resolve())
  expect(log).toEqual(['first'])
})
