import { ServiceBroker } from 'moleculer'

// Moleculer over its NATS transporter, with its validator on. `order` says which side this is.

function brokerOf({ natsUrl }, nodeID) {
  return new ServiceBroker({ nodeID, transporter: natsUrl, logger: false, requestTimeout: 10_000 })
}

export async function serve(order) {
  const broker = brokerOf(order, 'server')
  broker.createService({
    name: 'bench',
    actions: {
      echo: {
        params: { id: 'uuid', to: { type: 'string', max: 63 }, text: { type: 'string', min: 1 } },
        handler: ({ params }) => ({ id: params.id, status: 'queued' }),
      },
    },
  })
  await broker.start()
}

export async function connect(order) {
  const broker = brokerOf(order, 'client')
  await broker.start()
  await broker.waitForServices('bench')
  return (request) => broker.call('bench.echo', request)
}
