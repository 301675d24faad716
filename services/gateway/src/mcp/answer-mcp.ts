import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import type { FastifyRequest } from 'fastify'
import { tellFailure } from '../answer-error.ts'
import type { Gateway } from '../app.ts'
import { VERSION } from '../config.ts'
import { failureOf, problemOf } from '../problem.ts'
import { checkScope, contextOf, isGranted, sessionOf, type Session } from '../session.ts'
import { refuseInvalidParams } from './invalid-params.ts'
import type { Tool } from './tool.ts'

const INSTRUCTIONS =
  'You are one agent of a tenant; `whoami` says which. Read `inbox`, deal with each message, then ' +
  '`ack` it: what is not acknowledged counts as unread. Answer with `send` and `replyTo`. Send a ' +
  '`heartbeat` when you begin, when you have finished and when you fail. What is wanted is in ' +
  '`objectives`: say by `work` what you do for it, and read the `briefing` before you begin. An ' +
  'error names its code, what is wrong and what to do.'

/**
 * Answers one MCP message, as its Streamable HTTP transport has it, without a session: each request
 * brings its token, and everything that must outlive it is in the inbox.
 */
export async function answerMcp(
  gateway: Gateway,
  tools: readonly Tool[],
  request: FastifyRequest,
): Promise<Response> {
  // One message a request, as the protocol has it since 2025-06-18: each counts against the limit.
  if (Array.isArray(request.body)) return refusedBatch()
  const server = serverFor(gateway, tools, request)
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  refuseInvalidParams(transport)
  try {
    return await transport.handleRequest(webRequestOf(request), { parsedBody: request.body })
  } finally {
    await server.close()
  }
}

function serverFor(gateway: Gateway, tools: readonly Tool[], request: FastifyRequest): McpServer {
  const session = sessionOf(request)
  const usable = tools.filter((tool) => isFor(tool, session))
  const mcp = new McpServer(
    { name: 'mumega', title: 'Mumega', version: VERSION },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  )
  mcp.server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: usable
      .filter(({ access }) => isGranted(session.token, access))
      .map(({ name, title, description, annotations, input, output }) => ({
        ...{ name, title, description, annotations },
        inputSchema: input,
        outputSchema: output,
      })),
  }))
  mcp.server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const tool = usable.find(({ name }) => name === params.name)
    if (tool === undefined) {
      throw new McpError(ErrorCode.InvalidParams, `There is no tool ${params.name}.`)
    }
    return callTool(gateway, tool, { request, given: params.arguments ?? {} })
  })
  return mcp
}

/** What goes wrong in a tool is its result, so that the model reads it and can mend its call. */
async function callTool(
  gateway: Gateway,
  tool: Tool,
  { request, given }: { request: FastifyRequest; given: unknown },
): Promise<CallToolResult> {
  const session = sessionOf(request)
  try {
    checkScope(session, tool.access)
    const { socket } = request
    const call = { gateway, session, context: contextOf(session), socket }
    const result = await tool.run(call, given)
    return { content: [textOf(result)], structuredContent: { ...result } }
  } catch (error) {
    const failed = failureOf(error)
    tellFailure(gateway, failed, { error, tool: tool.name })
    return { isError: true, content: [textOf(problemOf(failed, request.trace?.traceId ?? ''))] }
  }
}

function refusedBatch(): Response {
  const error = { code: ErrorCode.InvalidRequest, message: 'Send one message at a time, no batch.' }
  return Response.json({ jsonrpc: '2.0', error, id: null }, { status: 400 })
}

function isFor({ isAgents }: Tool, { token }: Session): boolean {
  return !isAgents || token.kind === 'agent'
}

function textOf(value: object) {
  return { type: 'text' as const, text: JSON.stringify(value) }
}

function webRequestOf({ method, headers }: FastifyRequest): Request {
  const sent = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) sent.set(name, [value].flat().join(', '))
  }
  return new Request('http://localhost/mcp', { method, headers: sent })
}
