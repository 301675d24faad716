import { expect, test } from '@jest/globals'
import { presenceOf, type Signs } from './presence.ts'

const LIMITS = {
  activeSeconds: 600,
  aliveSeconds: 300,
  runSeconds: 3_600,
  unreadSeconds: 1_800,
  deadSeconds: 86_400,
}
const NOW = new Date('2026-01-10T00:00:00.000Z')

type Ages = { [Sign in keyof Signs]?: number }

/** By how many seconds ago each sign was. */
function presence(ages: Ages): string {
  const at = (seconds: number | undefined) =>
    seconds === undefined ? undefined : new Date(NOW.getTime() - seconds * 1_000)
  const signs = {
    registeredAt: at(ages.registeredAt ?? 1_000_000) ?? NOW,
    seenAt: at(ages.seenAt),
    workedAt: at(ages.workedAt),
    startedAt: at(ages.startedAt),
    unreadSince: at(ages.unreadSince),
  }
  return presenceOf(signs, NOW, LIMITS)
}

test.each<[string, Ages, string]>([
  ['nothing since it was registered just now', { registeredAt: 10 }, 'dormant'],
  ['nothing for a day', { registeredAt: 86_400 }, 'dormant'],
  ['nothing for longer than a day', { registeredAt: 86_401 }, 'dead'],
  ['work just now', { workedAt: 600 }, 'active'],
  ['work just now, and mail that waits', { workedAt: 600, unreadSince: 9_000 }, 'active'],
  ['work a while ago, no heartbeat', { workedAt: 601 }, 'dormant'],
  ['work a while ago, and a heartbeat', { workedAt: 601, seenAt: 300 }, 'idle'],
  ['a heartbeat', { seenAt: 300 }, 'idle'],
  ['a heartbeat too long ago', { seenAt: 301 }, 'dormant'],
  ['a heartbeat, and mail that waits for a while', { seenAt: 1, unreadSince: 1_800 }, 'idle'],
  ['a heartbeat, and mail that is not heard', { seenAt: 1, unreadSince: 1_801 }, 'dormant'],
  ['a run under way', { seenAt: 300, startedAt: 3_600 }, 'active'],
  ['a run under way, and mail that waits', { seenAt: 1, startedAt: 9, unreadSince: 9e3 }, 'active'],
  ['a run that takes too long', { seenAt: 1, startedAt: 3_601 }, 'idle'],
  ['a run of an agent that fell silent', { seenAt: 301, startedAt: 302 }, 'dormant'],
  ['a heartbeat of yesterday', { seenAt: 86_401 }, 'dead'],
  ['work of yesterday, and mail that waits', { workedAt: 86_401, unreadSince: 1 }, 'dead'],
])('%s', (_signs, ages, expected) => {
  expect(presence(ages)).toBe(expected)
})

test('a clock that is behind makes nobody dormant', () => {
  expect(presence({ seenAt: -5 })).toBe('idle')
})
