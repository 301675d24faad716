import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ROOT } from '@mumega/local/paths'
import { eventually, skipUnless } from '@mumega/testkit'
import { givenRun, type StartedRun } from './given-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'readme-'))
const receipt = join(folder, 'message.tlog-proof')
const exported = join(folder, 'log.jsonl')
const TEST_MS_MAX = 120_000

const testWithShell = skipUnless(test, {
  isPresent: ['bash', 'curl'].every((tool) => spawnSync(tool, ['--version']).status === 0),
  reason: 'bash or curl is missing',
})

let run: StartedRun
let shell: Shell

beforeAll(async () => {
  run = givenRun(join(folder, 'data'))
  shell = givenShell({ URL: await run.url(), OPERATOR: run.token() ?? '' })
}, TEST_MS_MAX)

afterAll(async () => {
  await run.clear()
  rmSync(folder, { recursive: true, force: true })
}, TEST_MS_MAX)

/**
 * What the README tells a newcomer to type, command by command, without what they are to fill in.
 */
function commands(heading: string): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const section = readme.split(/^## /m).find((one) => one.startsWith(heading)) ?? ''
  const block = /```sh\n([^]*?)```/.exec(section)?.[1] ?? ''
  return block
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !/^(URL|\w+=\S*…)/.test(line))
    .map((line) =>
      line
        .replaceAll('message.tlog-proof', receipt)
        .replaceAll('log.jsonl', exported)
        .replaceAll('.mumega/', `${join(folder, 'data')}/`)
        .replaceAll('athena-2.key', join(folder, 'athena-2.key')),
    )
}

interface Shell {
  env: Record<string, string>
  /** Runs a command and remembers the variables that it sets. */
  type(command: string): string
}

function givenShell(variables: Record<string, string>): Shell {
  // `npx` and `node` are those of the Node that runs this test.
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
  const env: Record<string, string> = {
    ...{ PATH: path, HOME: process.env['HOME'] ?? '' },
    MUMEGA_DATA_DIR: join(folder, 'data'),
    ...variables,
  }
  return {
    env,
    type(command) {
      const name = /^([A-Z]+)=\$\(/.exec(command)?.[1]
      const script = name === undefined ? command : `${command}; echo "$${name}"`
      const words = ['-euo', 'pipefail', '-c', script]
      const ran = spawnSync('bash', words, { cwd: ROOT, env, encoding: 'utf8', timeout: 60_000 })
      if (ran.status !== 0) throw new Error(`${command}: ${ran.stdout}${ran.stderr}`)
      if (name !== undefined) env[name] = ran.stdout.trim()
      return ran.stdout
    },
  }
}

/** What `work` gives, or nothing where it fails. */
function tried(work: () => string): string | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

/** Runs a command that does not end by itself until it has printed `text`. */
async function listen(command: string, text: string): Promise<string> {
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd: ROOT, env: shell.env })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  try {
    return await eventually(() => Promise.resolve(output.includes(text) && output), { what: text })
  } finally {
    child.kill()
  }
}

testWithShell(
  'what the README says works as it says, from the first tenant to the drill',
  async () => {
    const [tenant = '', kasra = '', athena = '', send = '', inbox = '', stream = '', ...rest] =
      commands('A message and its receipt')
    const [receive = '', ack = '', joinAgent = '', fetchReceipt = '', verify = '', ...audits] = rest
    const [search = '', exportLog = '', audit = '', trace = '', drill = '', ...more] = audits
    expect(more).toEqual([])

    expect(JSON.parse(shell.type(tenant))).toMatchObject({ tenantId: 'acme' })
    expect(shell.type(kasra)).toMatch(/^mmg_agent_/)
    expect(shell.type(athena)).toMatch(/^mmg_agent_/)
    const sent = shell.type(send)
    expect(sent).toMatch(/^HTTP\/1.1 202/)
    expect(sent).toContain('"status":"queued"')
    const messageId = /"messageId":"([^"]+)"/.exec(sent)?.[1] ?? ''
    shell.env['MESSAGE'] = messageId
    shell.env['TRACE'] = /^trace-id: (\w+)/im.exec(sent)?.[1] ?? ''

    expect(shell.type(inbox)).toContain(messageId)
    expect(await listen(stream, messageId)).toContain(`"from":"kasra"`)
    expect(JSON.parse(shell.type(receive))).toMatchObject({ messages: [{ messageId, attempt: 1 }] })
    expect(shell.type(ack)).toContain('acknowledgedAt')
    const joined = shell.type(joinAgent)
    expect(joined).toMatch(/"type": "http"[^]*\n\[mcp_servers\.mumega\]\n/)
    expect(shell.type(joined.trimEnd().split('\n').at(-1) ?? '')).toContain('There and back.')
    shell.type(fetchReceipt)
    expect(shell.type(verify)).toMatch(/valid/i)
    expect(shell.type(search)).toContain('"action":"message.accepted"')
    shell.type(exportLog)
    expect(shell.type(audit)).toMatch(/^VALID: [^]*the whole log/)
    const shown = await eventually(
      () => {
        const text = shell.type(trace)
        return Promise.resolve(text.includes('audit-ledger') && text)
      },
      { what: 'the trace down to the ledger' },
    )
    for (const service of ['gateway', 'bridge', 'audit-ledger']) expect(shown).toContain(service)
    // With what each asked of its database.
    expect(shown).toMatch(/pg\.query/)
    expect(shell.type(drill)).toContain('\n9 of 9 alterations were detected. The copy is removed')
  },
  TEST_MS_MAX,
)

testWithShell(
  'what the README says of principals works as it says, after the rest of it',
  () => {
    const [principals = '', draft = '', propose = '', ratify = '', makeKey = '', ...rest] =
      commands('Who may sign')
    const [rotate = '', ...more] = rest
    expect(more).toEqual([])

    expect(shell.type(principals)).toContain('agent.athena+')
    expect(shell.type(draft)).toMatch(/^[0-9a-f-]{36}\n$/)
    expect(shell.type(propose)).toMatch(/^[0-9a-f]{64}\n$/)
    expect(shell.type(ratify)).toMatch(/^version 1 of “Strangers pay” is ratified: [0-9a-f]{64}\n$/)
    expect(shell.type(makeKey)).toMatch(/^agent\.athena\+/)
    expect(shell.type(rotate)).toContain('agent.athena has key 2 now')
  },
  TEST_MS_MAX,
)

testWithShell(
  'what the README says of progress and work works as it says, after the rest of it',
  async () => {
    const [remember = '', recall = '', compute = '', show = '', put = '', drift = '', ...more] =
      commands('Whether it gets there')
    expect(more).toEqual([])

    expect(shell.type(remember)).toMatch(/^[0-9a-f-]{36}: payment, public\n$/)
    expect(shell.type(recall)).toMatch(/amount=29\n> The first shop pays\.\n$/)
    expect(JSON.parse(shell.type(compute))).toMatchObject({ askedBy: 'agent.mizan' })
    const shown = await eventually(() => Promise.resolve(tried(() => shell.type(show))), {
      what: 'the day’s progress',
    })
    expect(JSON.parse(shown)).toMatchObject({ progress: 0.1, keyResults: [{ value: 1 }] })
    expect(shell.type(put)).toBe('task T-1 is open\n')
    expect(shell.type(drift)).toMatch(/^open {5}0 of 1 drift\n/)
  },
  TEST_MS_MAX,
)

testWithShell(
  'what the README says of the gate works as it says',
  () => {
    const [open = '', ledger = '', briefing = '', ...more] = commands('What the gate caught')
    expect(more).toEqual([])

    expect(shell.type(open)).toBe('s034 is open: Checkout\n')
    expect(shell.type(ledger)).toMatch(/^total +27 /m)
    expect(shell.type(briefing)).toContain('audit-before-write (named, 3 found)')
  },
  TEST_MS_MAX,
)
