import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

test('the example in the README runs and prints what the README says', () => {
  const folder = fileURLToPath(new URL('../../', import.meta.url))
  const readme = readFileSync(`${folder}README.md`, 'utf8')
  const [, program, printed] = /```ts\n([^]*?)```\n[^]*?```text\n([^]*?)```/.exec(readme) ?? []
  if (program === undefined) throw new Error('the README has no example')

  // From the package's own folder, where its name leads to what was built.
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 20_000,
  })

  expect(output).toBe(printed)
})
