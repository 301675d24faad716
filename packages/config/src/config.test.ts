import { expect, test } from '@jest/globals'
import { Type } from 'typebox'
import { readConfig } from './config.ts'

const schema = Type.Object({
  COUNT: Type.Integer({ default: 2, minimum: 1, maximum: 9_000 }),
  SHARE: Type.Number({ default: 0.5, exclusiveMinimum: 0, maximum: 1 }),
  LEVEL: Type.Enum(['low', 'high'], { default: 'low' }),
  IS_ON: Type.Boolean({ default: false }),
  NAME: Type.Optional(Type.String({ pattern: '^[a-z]+$' })),
})

const complaint = (environment: Record<string, string>) => {
  try {
    return readConfig(schema, environment)
  } catch (error) {
    return String(error)
  }
}

test('settings are read as numbers, words and yes or no, and an empty one counts as absent', () => {
  const environment = { COUNT: '7', SHARE: '1e-3', LEVEL: 'high', IS_ON: 'true', NAME: '' }

  expect(readConfig(schema, environment)).toEqual({
    ...{ COUNT: 7, SHARE: 0.001, LEVEL: 'high', IS_ON: true },
  })
  expect(readConfig(schema, {})).toEqual({ COUNT: 2, SHARE: 0.5, LEVEL: 'low', IS_ON: false })
})

test.each([
  ['COUNT', '2000.5', /COUNT must be integer/],
  ['COUNT', 'true', /COUNT must be integer/],
  ['COUNT', '0x10', /COUNT must be integer/],
  ['COUNT', ' 7', /COUNT must be integer/],
  ['COUNT', '9001', /COUNT must be <= 9000/],
  ['SHARE', 'false', /SHARE must be number/],
  ['SHARE', 'Infinity', /SHARE must be number/],
  ['LEVEL', 'loud', /LEVEL must be one of low, high/],
  ['IS_ON', 'on', /IS_ON must be boolean/],
  ['NAME', 'A', /NAME must match/],
])('%s=%s is refused by name, with what it must be', (name, value, said) => {
  expect(complaint({ [name]: value })).toMatch(said)
})

test('all that is wrong is named at once, and no value is told', () => {
  const said = complaint({ COUNT: 'secret', LEVEL: 'secret', NAME: 'SECRET' })

  expect(said).toMatch(/COUNT .*; LEVEL .*; NAME /)
  expect(said).not.toMatch(/secret/i)
})
