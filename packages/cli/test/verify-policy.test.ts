import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  cosigned,
  givenEntries,
  givenPlace,
  givenReceipt,
  policy,
  strangerVkey,
  vkey,
  witnessVkey,
  type Place,
} from './given.ts'

const receipt = givenReceipt(givenEntries({}, {}, {}), 1)
let place: Place

beforeAll(() => {
  place = givenPlace()
  place.write('policy', policy)
})
afterAll(() => {
  place.remove()
})

async function verify(text: string, ...args: string[]) {
  place.write('receipt', text)
  return place.mumega('verify', 'receipt', '--vkey', vkey, ...args)
}

test('with a policy the quorum must have cosigned, and who did is shown', async () => {
  const both = await verify(cosigned(receipt, 2), '--policy', 'policy')

  expect(both).toMatchObject({ exitCode: 0, stderr: '' })
  expect(both.stdout).toMatch(/^VALID: The signed log holds this entry\./)
  expect(both.stdout).toContain('witness  a.example, 2026-01-01T00:00:00.000Z\n')
  expect(both.stdout).toContain('witness  b.example, 2026-01-01T00:00:00.000Z\n')
})

test('a receipt without the quorum is not yet anchored under the policy, and valid without it', async () => {
  const one = await verify(cosigned(receipt, 1), '--policy', 'policy')
  const none = await verify(receipt, '--policy', 'policy')
  const trusting = await verify(cosigned(receipt, 1))

  expect(one.exitCode).toBe(2)
  expect(one.stdout).toMatch(
    /^NOT YET ANCHORED: .* cosigned by a\.example, which is not the policy's quorum both\. /,
  )
  expect(none.exitCode).toBe(2)
  expect(none.stdout).toContain('cosigned by nobody')
  expect(trusting.exitCode).toBe(0)
})

test('a cosignature over another checkpoint makes the receipt diverge, also where others suffice', async () => {
  const other = cosigned(receipt, 2, (text) => text.replace('\n3\n', '\n4\n'))
  const some = `${policy.replace('group both all', 'group both any')}`
  place.write('any', some)

  expect((await verify(other, '--policy', 'policy')).exitCode).toBe(3)
  expect((await verify(other, '--policy', 'any')).exitCode).toBe(3)
})

test('whatever witnesses say, a receipt that is not true stays so', async () => {
  const moved = cosigned(receipt, 2).replace('index 1', 'index 2')
  expect((await verify(moved, '--policy', 'policy')).exitCode).toBe(3)
  const pending = givenReceipt(givenEntries({}, {}), 0, false)
  expect((await verify(pending, '--policy', 'policy')).exitCode).toBe(2)
})

test('a policy that is wrong, absent or for another log ends with a line that says so', async () => {
  place.write('wrong', policy.replace('quorum both', 'quorum all-of-them'))
  place.write('other', policy.replace(vkey, strangerVkey))
  place.write('weak', policy.replace(vkey, witnessVkey))

  const endings = await Promise.all(
    ['wrong', 'other', 'weak', 'absent'].map((file) =>
      place.mumega('verify', 'policy', '--vkey', vkey, '--policy', file),
    ),
  )

  expect(endings.map(({ exitCode }) => exitCode)).toEqual([64, 64, 64, 66])
  const [wrong, other, weak] = endings
  expect(wrong?.stderr).toBe(
    'wrong is not a policy: line 5: declare all-of-them before it is the quorum.\n',
  )
  expect(other?.stderr).toMatch(/^The policy is for other logs than that of the key/)
  expect(weak?.stderr).toMatch(/^weak is not a policy: line 1: the verifier key is of type 4/)
})
