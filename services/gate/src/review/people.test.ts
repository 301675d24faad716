import { expect, test } from '@jest/globals'
import { isOwnWork, isOwnWorkOf } from './people.ts'

const kasra = { author: 'agent.kasra', workers: ['agent:loom'] }

test('the author, who submitted and who fixed did the work, and nobody else', () => {
  const own = ['agent:kasra', 'agent:loom']
  const others = ['agent:river', 'agent:kasra-2', 'operator:2', 'service:healer', 'human:kasra']
  expect(own.filter((actor) => isOwnWork(kasra, actor))).toEqual(own)
  expect(others.filter((actor) => isOwnWork(kasra, actor))).toEqual([])
})

test('of a human’s work no operator is known not to be the author', () => {
  const kay = { author: 'human.kay', workers: [] }
  expect(isOwnWork(kay, 'operator:2')).toBe(true)
  expect(isOwnWork(kay, 'agent:kay')).toBe(false)
})

test('of what an operator did no operator is known not to have done it', () => {
  const helped = { author: 'agent.kasra', workers: ['operator:1'] }
  expect(isOwnWork(helped, 'operator:1')).toBe(true)
  expect(isOwnWork(helped, 'operator:2')).toBe(true)
  expect(isOwnWork(helped, 'agent:river')).toBe(false)
})

test('a principal is the agent of its name', () => {
  expect(isOwnWorkOf(kasra, 'agent.kasra')).toBe(true)
  expect(isOwnWorkOf(kasra, 'agent.loom')).toBe(true)
  expect(isOwnWorkOf(kasra, 'agent.athena')).toBe(false)
  expect(isOwnWorkOf({ author: 'human.athena', workers: [] }, 'agent.athena')).toBe(false)
})
