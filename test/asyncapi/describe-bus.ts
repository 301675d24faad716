import { domainOf } from '@mumega/contracts/define'
import { SERVICES, STREAMS } from '@mumega/contracts/topology'
import { isRequest, listContracts, type AnyContract, type Listed } from '../contract-list.ts'

const WHAT =
  'Requests and events between the services, on NATS. Made from packages/contracts, from which the ' +
  'services check every message. Requests are answered on their reply subject; events are kept in ' +
  'JetStream and delivered at least once. An error is answered with the header ' +
  '`Nats-Service-Error-Code`, which holds one of `x-error-codes`.'

const ref = (...parts: string[]) => ({ $ref: `#/${parts.join('/')}` })

/** The AsyncAPI 3.0 document of every contract, as text. */
export async function describeBus(): Promise<string> {
  const contracts = await listContracts()
  const sorted = [...contracts].sort((one, other) =>
    one.contract.subject < other.contract.subject ? -1 : 1,
  )
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'Mumega’s bus',
      version: '1.0.0',
      description: WHAT,
      tags: SERVICES.map((name) => ({ name })),
    },
    defaultContentType: 'application/json',
    servers: { nats: { host: '127.0.0.1:4222', protocol: 'nats' } },
    channels: Object.assign({}, ...sorted.map(channelsOf)) as object,
    operations: Object.assign({}, ...sorted.map(operationOf)) as object,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function channelsOf(listed: Listed<AnyContract>): object {
  const { contract } = listed
  const { subject } = contract
  const tags = [{ name: domainOf(subject) }]
  if (!isRequest(listed)) {
    const [stream] = Object.entries(STREAMS).find(([, { subjects }]) =>
      subjects.some((one) => subject.startsWith(one.replace('>', ''))),
    ) ?? ['']
    const payload = 'payload' in contract ? contract.payload : {}
    return {
      [subject]: { address: subject, tags, 'x-stream': stream, messages: { event: { payload } } },
    }
  }
  const { request, reply, errors, timeoutMs } = listed.contract
  return {
    [subject]: {
      address: subject,
      tags,
      'x-timeout-ms': timeoutMs,
      'x-error-codes': errors,
      messages: { request: { payload: request } },
    },
    [`${subject}.reply`]: { address: null, tags, messages: { reply: { payload: reply } } },
  }
}

function operationOf(listed: Listed<AnyContract>): object {
  const { subject } = listed.contract
  const channel = ref('channels', subject)
  const message = (name: string, of = subject) => ref('channels', of, 'messages', name)
  if (!isRequest(listed)) {
    return { [subject]: { action: 'send', channel, messages: [message('event')] } }
  }
  const replies = `${subject}.reply`
  const reply = { channel: ref('channels', replies), messages: [message('reply', replies)] }
  return { [subject]: { action: 'receive', channel, messages: [message('request')], reply } }
}
