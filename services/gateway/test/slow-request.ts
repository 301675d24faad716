import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { once } from 'node:events'

/** The answer to a request that `fetch` would not make. */
export interface PlainAnswer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Of a problem. */
  code: string | undefined
}

/** A request whose head has arrived and whose body has not. */
export interface SlowRequest {
  /** Sends the body, and waits for the answer. */
  finish(): Promise<PlainAnswer>
  /** Sends no more, and waits for the answer. */
  dawdle(): Promise<PlainAnswer>
  /** Sends half of the body and breaks the connection off. */
  breakOff(): void
}

export interface PlainCall {
  method?: string
  /** Sent as it is: not normalised, as `fetch` would. */
  path: string
  token?: string
  headers?: Record<string, string>
  body?: Buffer
}

/** Makes a call without any of the improvements that `fetch` makes to it. */
export async function plainCall(url: string, call: PlainCall): Promise<PlainAnswer> {
  const { request, answer } = open(url, call)
  request.end(call.body)
  return answer
}

/** Sends the head of a request with a JSON body; resolves when the gateway has read that head. */
export async function openSlowRequest(
  url: string,
  { path, token, body }: { path: string; token: string; body: unknown },
): Promise<SlowRequest> {
  const bytes = Buffer.from(JSON.stringify(body))
  const headers = {
    expect: '100-continue',
    'content-type': 'application/json',
    'content-length': String(bytes.length),
  }
  const { request, answer } = open(url, { method: 'POST', path, token, headers })
  const continued = once(request, 'continue')
  request.flushHeaders()
  await continued
  return {
    finish() {
      request.end(bytes)
      return answer
    },
    dawdle() {
      request.write(bytes.subarray(0, 1))
      return answer
    },
    breakOff() {
      answer.catch(() => undefined)
      request.write(bytes.subarray(0, bytes.length / 2), () => request.destroy())
    },
  }
}

function open(url: string, { method = 'GET', path, token, headers = {} }: PlainCall) {
  const { hostname, port } = new URL(url)
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const request = httpRequest({
    hostname,
    port,
    method,
    path,
    headers: { ...headers, ...authorization, connection: 'close' },
  })
  const answer = new Promise<PlainAnswer>((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.once('error', reject)
      response.once('end', () => {
        const code = /"code":"([^"]+)"/.exec(text)?.[1]
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, code })
      })
    })
  })
  return { request, answer }
}
