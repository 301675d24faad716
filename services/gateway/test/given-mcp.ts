import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

/** What an agent with every scope of agents is shown, sorted. */
export const AGENTS_TOOLS: readonly string[] = [
  ...['ack', 'ask', 'briefing', 'broadcast', 'drift', 'finding', 'heartbeat', 'inbox', 'iteration'],
  ...['object', 'objectives', 'peers', 'progress', 'propose', 'recall', 'remember', 'report'],
  ...['send', 'whoami', 'work'],
]

/** The official client, connected with this token. */
export async function mcpClient(url: string, token: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  // Its `sessionId` may be undefined where the interface says that it is absent.
  await client.connect(transport)
  return client
}

export interface ToolResult {
  readonly isError: boolean
  /** The structured result, or the problem. */
  readonly json: Readonly<Record<string, unknown>>
}

/** Calls a tool. The client itself holds the result to the tool's output schema. */
export async function callTool(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<ToolResult> {
  const result = await client.callTool({ name, arguments: args })
  const [first] = result.content as { text: string }[]
  const shown = JSON.parse(first?.text ?? '') as Record<string, unknown>
  if (result.isError === true) return { isError: true, json: shown }
  return { isError: false, json: result.structuredContent as Record<string, unknown> }
}

/** What a refusal says, without its trace: of ids that are another's and of none it is the same. */
export function refusalOf({ isError, json }: ToolResult, id: string): string {
  const { traceId: _, instance: __, ...told } = json
  return JSON.stringify({ isError, ...told }).replaceAll(id, '<id>')
}
