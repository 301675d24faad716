import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { loadConfig } from './config.ts'

test.each([
  [{}, '.mumega'],
  [{ MUMEGA_DATA_DIR: 'elsewhere' }, 'elsewhere'],
])('a relative data folder starts at the repository: %j', (environment, name) => {
  const before = process.cwd()
  process.chdir('/')
  try {
    const { MUMEGA_DATA_DIR: folder } = loadConfig(environment)
    expect(basename(folder)).toBe(name)
    expect(existsSync(join(dirname(folder), 'pnpm-workspace.yaml'))).toBe(true)
  } finally {
    process.chdir(before)
  }
})

test('an absolute data folder stays as it is', () => {
  expect(loadConfig({ MUMEGA_DATA_DIR: '/srv/mumega' }).MUMEGA_DATA_DIR).toBe('/srv/mumega')
})
