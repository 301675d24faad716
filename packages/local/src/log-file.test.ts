import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { openLogFile } from './log-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'log-file-'))

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('a log that is written for ever takes a bounded place and keeps the newest lines', () => {
  const path = join(folder, 'service.log')
  const log = openLogFile(path, { fileBytesMax: 100 })

  for (let line = 0; line < 200; line += 1) log.write(`line ${line}`)
  log.close()

  const files = readdirSync(folder).sort()
  expect(files).toEqual(['service.log', 'service.log.1', 'service.log.2'])
  for (const file of files) expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(100)
  expect(readFileSync(path, 'utf8').trim().split('\n').at(-1)).toBe('line 199')
})

test('a log goes on where the last run ended it, readable by its owner only', () => {
  const path = join(folder, 'again.log')
  for (const line of ['first run', 'second run']) {
    const log = openLogFile(path)
    log.write(line)
    log.close()
  }

  expect(readFileSync(path, 'utf8')).toBe('first run\nsecond run\n')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})
