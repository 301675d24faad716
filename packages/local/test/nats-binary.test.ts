import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFileSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { findNatsServer } from '@mumega/local/nats-binary'

const root = mkdtempSync(join(tmpdir(), 'nats-binary-'))
let real: string
let folder: string
let programs: string
let environment: Record<string, string>

beforeAll(async () => {
  real = (await findNatsServer()).path
}, 120_000)

beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'))
  programs = join(folder, 'programs')
  mkdirSync(programs)
  environment = { PATH: programs, XDG_CACHE_HOME: join(folder, 'cache') }
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

/** Puts a program of this name on the PATH: the toolchain at the far edge, played by a script. */
function givenProgram(name: string, script: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`)
  chmodSync(join(programs, name), 0o755)
}

/** A Go that compiles by copying the real server, and counts how often it is asked to. */
function givenGo(): () => number {
  const count = join(folder, 'count')
  givenProgram('go', `echo once >> ${count}; sleep 0.3; cp ${real} "$GOBIN/nats-server"`)
  return () => readFileSync(count, 'utf8').trim().split('\n').length
}

test('the server on PATH is used, and nothing is fetched', async () => {
  const timesFetched = givenGo()
  symlinkSync(real, join(programs, 'nats-server'))

  const found = await findNatsServer({ environment })

  expect(found.origin).toBe('PATH')
  expect(() => timesFetched()).toThrow(/ENOENT/)
})

test('a server on PATH that is too old is passed over', async () => {
  givenProgram('nats-server', 'echo "nats-server: v2.8.4"')
  givenGo()

  const found = await findNatsServer({ environment })

  expect(found.origin).toContain('go install')
})

test('starts that need it at once fetch it once, and later ones not at all', async () => {
  const timesFetched = givenGo()

  const found = await Promise.all([1, 2, 3].map(() => findNatsServer({ environment })))
  const later = await findNatsServer({ environment })

  expect(timesFetched()).toBe(1)
  expect(new Set([...found, later].map(({ path }) => path)).size).toBe(1)
  expect(later.origin).toBe('cache')
})

test('what a killed fetch left is removed and never taken for the server', async () => {
  givenGo()
  const cache = join(environment['XDG_CACHE_HOME'] ?? '', 'mumega')
  mkdirSync(join(cache, 'fetch-half'), { recursive: true })
  writeFileSync(join(cache, 'fetch-half', 'nats-server'), 'half a program')
  writeFileSync(join(cache, 'nats-server.lock'), '{"pid":4194305,"startMark":"0"}')

  const found = await findNatsServer({ environment })

  expect(found.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(readdirSync(cache).filter((name) => name.startsWith('fetch-'))).toEqual([])
})

test('a way that brings something else is passed over, and said', async () => {
  const lines: string[] = []
  givenProgram('go', 'echo nonsense > "$GOBIN/nats-server"')

  const found = findNatsServer({ environment, log: (line) => lines.push(line) })

  await expect(found).rejects.toThrow(/go install .*version unknown/)
  expect(lines.join('\n')).toContain('that way failed')
})

test('where no way works there is one error that says what to install', async () => {
  await expect(findNatsServer({ environment })).rejects.toMatchObject({
    code: 'local.no-nats-server',
    message: expect.stringMatching(/apt-get install nats-server[^]*no Python here[^]*no Go here/),
  })
})

test('a mirror that serves another program than the official one stops the start', async () => {
  const asked: string[] = []
  const mirror = await givenMirror((url) => {
    asked.push(url)
    return 'not the release'
  })
  environment['MUMEGA_NATS_MIRROR'] = mirror.url
  givenGo()

  await expect(findNatsServer({ environment })).rejects.toMatchObject({
    code: 'local.nats-checksum',
  })
  expect(asked).toEqual([
    expect.stringMatching(/^\/v[\d.]+\/nats-server-v[\d.]+-linux-\w+\.tar\.gz$/),
  ])
  mirror.server.close()
})

async function givenMirror(
  answer: (url: string) => string,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    response.end(answer(request.url ?? ''))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, server }
}
