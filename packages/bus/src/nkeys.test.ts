import { expect, test } from '@jest/globals'
import { createAccount, createOperator, createUser, fromPublic } from '@nats-io/nkeys'
import { nkeyAuthenticator, publicNkeyOf } from './nkeys.ts'

const NONCE = 'bm9uY2Utb2YtdGhlLXNlcnZlcg'

test('a public key is the one that NATS derives from the seed', () => {
  for (let round = 0; round < 20; round += 1) {
    const user = createUser()
    expect(publicNkeyOf(new TextDecoder().decode(user.getSeed()))).toBe(user.getPublicKey())
  }
})

test('the answer to a nonce is signed by the key that it names', () => {
  const user = createUser()
  const answer = nkeyAuthenticator(new TextDecoder().decode(user.getSeed()))(NONCE)
  expect(answer).toEqual({ nkey: user.getPublicKey(), sig: expect.any(String) })
  const { nkey, sig } = answer as { nkey: string; sig: string }
  const signature = new Uint8Array(Buffer.from(sig, 'base64url'))
  expect(fromPublic(nkey).verify(new TextEncoder().encode(NONCE), signature)).toBe(true)
})

test('a server that sends no nonce gets the key alone', () => {
  const user = createUser()
  const answer = nkeyAuthenticator(new TextDecoder().decode(user.getSeed()))()
  expect(answer).toEqual({ nkey: user.getPublicKey(), sig: '' })
})

test('a damaged seed is refused before anything connects', () => {
  const seed = new TextDecoder().decode(createUser().getSeed())
  const damaged = `${seed.slice(0, 20)}${seed[20] === 'A' ? 'B' : 'A'}${seed.slice(21)}`
  expect(() => nkeyAuthenticator(damaged)).toThrow()
  expect(() => publicNkeyOf('')).toThrow()
})

test('the seed of an account or an operator is no user’s', () => {
  for (const key of [createAccount(), createOperator()]) {
    const seed = new TextDecoder().decode(key.getSeed())
    expect(() => nkeyAuthenticator(seed)).toThrow('The seed is of no NATS user')
  }
})
