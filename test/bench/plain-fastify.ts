import Fastify from 'fastify'
import { Pool } from 'pg'

/** What the bench sends to this process. */
export interface PlainOrder {
  databaseUrl: string
  poolMax: number
}

/** What it answers when it serves. */
export interface PlainReady {
  url: string
}

// The rows that the bridge writes for one message, without its guards, in one statement: what a
// careful engineer would do who needs nothing else.
const INSERT = `
  with request as (
    insert into plain.processed_requests (request_id, command, content_hash, reply)
    values ($1, 'accept-message', $2, $3)),
  place as (
    update plain.inboxes set last_position = last_position + 1
     where tenant_id = 'acme' and agent = $4 returning last_position),
  message as (
    insert into plain.messages
      (tenant_id, message_id, sender, kind, text, content_type, sent_at)
    values ('acme', $1, 'sender', 'send', $5, 'text/plain', now())),
  delivery as (
    insert into plain.deliveries (tenant_id, recipient, position, message_id)
    select 'acme', $4, last_position, $1 from place)
  insert into plain.outbox (audit, subject, message_id, payload, headers) values
    (true, 'aud.bridge.v1.append', $1::text, $6, '{}'),
    (false, 'bus.bridge.v1.message', $1::text || '-event', $7, $8)`

const HASH = Buffer.alloc(32, 1)
// As long as what the bridge writes for a message of the bench.
const INTENT = 'x'.repeat(620)
const EVENT = 'x'.repeat(190)
const HEADERS = 'x'.repeat(100)

const body = {
  type: 'object',
  required: ['to', 'text'],
  additionalProperties: false,
  properties: { to: { type: 'string' }, text: { type: 'string', maxLength: 16_384 } },
}

async function serve({ databaseUrl, poolMax }: PlainOrder): Promise<string> {
  const pool = new Pool({ connectionString: databaseUrl, max: poolMax })
  const app = Fastify()
  app.post<{ Body: { to: string; text: string } }>(
    '/',
    { schema: { body } },
    async (request, reply) => {
      const messageId = crypto.randomUUID()
      const answer = { messageId, status: 'queued' }
      const { to, text } = request.body
      const fixed = [INTENT, EVENT, HEADERS]
      await pool.query(INSERT, [messageId, HASH, JSON.stringify(answer), to, text, ...fixed])
      return reply.code(202).send(answer)
    },
  )
  return app.listen({ host: '127.0.0.1', port: 0 })
}

process.once('message', (order: PlainOrder) => {
  void serve(order).then((url) => process.send?.({ url } satisfies PlainReady))
})
// The bench has ended, however it did.
process.once('disconnect', () => process.exit(0))
