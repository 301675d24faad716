import { Type } from 'typebox'
import type { App, Gateway } from '../app.ts'
import { ASK_HANDLER_MS_MAX } from '../ask-and-wait.ts'
import { AGENT_TOOLS } from '../mcp/agent-tools.ts'
import { checkHosts } from '../mcp/allowed-hosts.ts'
import { answerMcp } from '../mcp/answer-mcp.ts'
import { GATE_TOOLS } from '../mcp/gate-tools.ts'
import { MEMORY_TOOLS } from '../mcp/memory-tools.ts'
import { OBJECTIVE_TOOLS } from '../mcp/objective-tools.ts'
import { WORK_TOOLS } from '../mcp/work-tools.ts'
import { answer } from '../schemas.ts'

/** The one place where tools are registered; those of a track are added here. */
const TOOLS = [...AGENT_TOOLS, ...MEMORY_TOOLS, ...OBJECTIVE_TOOLS, ...WORK_TOOLS, ...GATE_TOOLS]

export function addMcpRoute(app: App, gateway: Gateway): void {
  const check = checkHosts(gateway.config)
  app.post(
    '/mcp',
    {
      handlerTimeout: ASK_HANDLER_MS_MAX,
      onRequest: async ({ headers }) => check(headers),
      config: { access: 'any-token', problems: ['gateway.host-not-allowed'] },
      schema: {
        tags: ['mcp'],
        operationId: 'mcp',
        summary: 'The Model Context Protocol, over Streamable HTTP',
        description:
          'One JSON-RPC message a request, answered as JSON; there are no sessions, and no stream ' +
          'to open. `Accept` must name `application/json` and `text/event-stream`.',
        body: Type.Unknown({ description: 'A JSON-RPC 2.0 message.' }),
        response: {
          200: answer('The JSON-RPC answer.', Type.Unknown()),
          202: answer('A notification was taken.', Type.Unknown()),
        },
      },
    },
    async (request, reply) => {
      const answered = await answerMcp(gateway, TOOLS, request)
      const type = answered.headers.get('content-type')
      if (type !== null) void reply.header('Content-Type', type)
      // Documented are 200 and 202; what the protocol itself refuses is a JSON-RPC error.
      return reply
        .code(answered.status as 200)
        .serializer(String)
        .send(await answered.text())
    },
  )
}
