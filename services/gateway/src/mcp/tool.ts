import type { Socket } from 'node:net'
import type { ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import { Compile } from 'typebox/compile'
import type { Static, TObject } from 'typebox'
import type { CallContext } from '@mumega/contracts/scalars'
import { complaintsOf } from '@mumega/contracts/variants'
import type { Gateway } from '../app.ts'
import { invalidValue } from '../problem.ts'
import type { Access, Session } from '../session.ts'

/** Who calls a tool, and with what it works. */
export interface ToolCall {
  readonly gateway: Gateway
  readonly session: Session
  readonly context: CallContext
  /** Of the request. */
  readonly socket: Socket
}

/** What a tool is called and shows, and who may call it. */
export interface ToolFacts {
  readonly name: string
  readonly title: string
  /** For a model: what it does, when to use it, and what comes back. */
  readonly description: string
  readonly access: Access
  /** Whether only an agent can use it. */
  readonly isAgents: boolean
  readonly annotations: ToolAnnotations
}

/** One tool, ready to be listed and called. */
export interface Tool extends ToolFacts {
  readonly input: TObject
  readonly output: TObject
  /**
   * Runs it with arguments as they came.
   *
   * @throws a schema's complaint, which names the field, and what the tool throws
   */
  run(call: ToolCall, given: unknown): Promise<object>
}

/** Makes a tool of its facts, its schemas and what it does. Unknown arguments are refused. */
export function defineTool<Input extends TObject, Output extends TObject>(
  definition: ToolFacts & {
    readonly input: Input
    readonly output: Output
    readonly run: (call: ToolCall, input: Static<Input>) => Promise<Static<Output>>
  },
): Tool {
  const { run, ...facts } = definition
  const schema = Compile(facts.input)
  return {
    ...facts,
    async run(call, given) {
      if (!schema.Check(given)) throw invalidValue(complaintsOf(schema, given), 'arguments')
      return run(call, given)
    },
  }
}
