import { createServer, request as forward, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { startTestSuite } from '@mumega/testkit'
import type { Finding } from './finding.ts'
import { toolsDir } from './go-module.ts'
import { givenAgentToken } from './journey.ts'
import { findNpmTool } from './npm-tool.ts'
import { lastLine, runCommand } from './run-command.ts'

const VERSION = '0.1.13'
const TOOL = 'MCP conformance'
const PROGRAM = {
  name: '@modelcontextprotocol/conformance',
  version: VERSION,
  file: '.bin/conformance',
}
const SCENARIO_MS_MAX = 60_000

// The others ask for the tools, resources and prompts of the example server that comes with them.
const APPLYING = ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection']

/** The scenarios of the protocol's own conformance suite that a server like ours can be given. */
export async function judgeConformance(): Promise<Finding[]> {
  const program = await findNpmTool(PROGRAM)
  const suite = await startTestSuite({ services: ['audit-ledger', 'bridge', 'gateway'] })
  const token = await givenAgentToken(suite)
  const relay = await startRelay(suite.gatewayUrl, token)
  try {
    const findings: Finding[] = []
    for (const scenario of await scenariosOf(program)) {
      const finding = { tool: TOOL, version: VERSION, checked: scenario }
      if (APPLYING.includes(scenario)) {
        findings.push({ ...finding, ...(await runScenario(program, relay.url, scenario)) })
      }
    }
    if (findings.length < APPLYING.length) throw new Error('a scenario is not there any more')
    return findings
  } finally {
    relay.server.close()
    await suite.stop()
  }
}

/** The suite's scenarios for servers. */
async function scenariosOf(program: string): Promise<string[]> {
  const { output } = await runCommand(program, ['list'], { timeoutMs: SCENARIO_MS_MAX })
  const [servers = ''] = output.split('Client scenarios')
  return [...servers.matchAll(/^ +- (\S+)$/gm)].map(([, scenario]) => scenario ?? '')
}

async function runScenario(
  program: string,
  url: string,
  scenario: string,
): Promise<Pick<Finding, 'result' | 'reason'>> {
  const words = ['server', '--url', url, '--scenario', scenario]
  const cwd = toolsDir()
  const { code, output } = await runCommand(program, words, { cwd, timeoutMs: SCENARIO_MS_MAX })
  // What failed is for people to read now; the table has room for its last line only.
  if (code !== 0) process.stderr.write(`${output}\n`)
  const [, told = lastLine(output)] = /^(Passed: .*)$/m.exec(output) ?? []
  return { result: code === 0 ? 'passed' : 'failed', reason: told }
}

/** The suite sends no token: what it asks goes on as it is, with one. */
async function startRelay(target: string, token: string): Promise<{ server: Server; url: string }> {
  const { hostname, port } = new URL(target)
  const server = createServer((asked, answer) => {
    const { method, url: path, headers } = asked
    const sent = { ...headers, authorization: `Bearer ${token}` }
    const passed = forward({ hostname, port, method, path, headers: sent }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers)
      got.pipe(answer)
    })
    passed.once('error', () => answer.destroy())
    asked.pipe(passed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` }
}
