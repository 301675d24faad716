import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { serviceDir } from '@mumega/local/paths'

test.each(SERVICES)('a failure of %s is told by the files and lines of its sources', (service) => {
  const cwd = serviceDir(service)
  const program = join(cwd, 'dist', 'main.mjs')
  // Without settings it ends by itself.
  const ran = spawnSync(process.execPath, ['--enable-source-maps', program], {
    ...{ cwd, env: {}, encoding: 'utf8', timeout: 30_000 },
  })
  const { error } = JSON.parse(ran.stdout.split('\n')[0] ?? '') as { error: { stack: string } }
  expect(error.stack).toMatch(/^AppError: Wrong settings: /)
  const told = /loadConfig \((.*\/src\/config\.ts):(\d+):\d+\)/.exec(error.stack)
  expect(told?.[1]).toBe(join(cwd, 'src', 'config.ts'))
  const lines = readFileSync(join(cwd, 'src', 'config.ts'), 'utf8').split('\n')
  expect(lines[Number(told?.[2]) - 1]).toContain('readConfig')
})
