import { eventually } from '@mumega/testkit'
import type { Api } from './given.ts'

/** One server-sent event, or a comment of the stream. */
export interface StreamEvent {
  id?: string
  event?: string
  data?: string
  comment?: string
}

export interface EventStream {
  status: number
  /** The next event that is no comment; undefined at the end. */
  next(): Promise<StreamEvent | undefined>
  /** The next event or comment of any kind. */
  nextAny(): Promise<StreamEvent | undefined>
  close(): void
}

/** Opens an event stream as an agent's program does, reading one event at a time. */
export async function openEventStream(
  url: string,
  headers: Record<string, string>,
): Promise<EventStream> {
  const abort = new AbortController()
  const response = await fetch(url, { headers, signal: abort.signal })
  const blocks = blocksOf(response)
  const nextAny = async () => {
    const block = await blocks.next()
    return block.done === true ? undefined : parse(block.value)
  }
  return {
    status: response.status,
    nextAny,
    async next() {
      for (;;) {
        const event = await nextAny()
        if (event === undefined || event.data !== undefined) return event
      }
    },
    close: () => abort.abort(),
  }
}

async function* blocksOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return
  const decoder = new TextDecoder()
  let buffered = ''
  for await (const chunk of response.body) {
    buffered += decoder.decode(chunk as Uint8Array, { stream: true })
    const blocks = buffered.split('\n\n')
    buffered = blocks.pop() ?? ''
    yield* blocks
  }
}

function parse(block: string): StreamEvent {
  const event: StreamEvent = {}
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) event.comment = line.slice(1).trim()
    const [, field, value = ''] = /^(id|event|data): ?(.*)$/.exec(line) ?? []
    if (field === 'id' || field === 'event' || field === 'data') event[field] = value
  }
  return event
}

/** Waits until the gateway holds so many streams and waits for mail open. */
export async function areOpen({ call, operator }: Api, count: number): Promise<void> {
  const line = new RegExp(`^gateway_inbox_streams_open ${count}$`, 'm')
  const isMet = async () => line.test((await call({ path: '/metrics', token: operator })).text)
  await eventually(isMet, { what: `${count} open` })
}
