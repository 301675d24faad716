import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  CallToolRequestSchema,
  ErrorCode,
  InitializeRequestSchema,
  isJSONRPCRequest,
  ListToolsRequestSchema,
  PingRequestSchema,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js'

/** Every method that is answered, and how its params are written. */
const METHODS = new Map([
  ['initialize', { schema: InitializeRequestSchema, usage: 'an MCP client writes it by itself' }],
  ['ping', { schema: PingRequestSchema, usage: 'leave params out' }],
  ['tools/list', { schema: ListToolsRequestSchema, usage: 'leave params out' }],
  [
    'tools/call',
    {
      schema: CallToolRequestSchema,
      usage: 'send params as {"name": "<tool>", "arguments": {…}}, as tools/list names them',
    },
  ],
])

/**
 * Refuses messages with malformed params before the server of a connected transport sees them: it
 * would call them an internal error, and tell its validator's findings instead of what to do.
 */
export function refuseInvalidParams(transport: Transport): void {
  const { onmessage: take } = transport
  transport.onmessage = (message, extra) => {
    const refusal = refusalOf(message)
    if (refusal === undefined) take?.(message, extra)
    else transport.send(refusal).catch((error: unknown) => transport.onerror?.(error as Error))
  }
}

function refusalOf(message: JSONRPCMessage): JSONRPCErrorResponse | undefined {
  if (!isJSONRPCRequest(message)) return undefined
  const method = METHODS.get(message.method)
  const issue = method?.schema.safeParse(message).error?.issues[0]
  if (method === undefined || issue === undefined) return undefined
  const field = issue.path.join('.').slice(0, 100)
  const problem = issue.message.replace(/^Invalid input: /, '')
  const error = {
    code: ErrorCode.InvalidParams,
    message: `${field} of ${message.method} is wrong: ${problem}. To mend it, ${method.usage}.`,
    data: { field },
  }
  return { jsonrpc: '2.0', id: message.id, error }
}
