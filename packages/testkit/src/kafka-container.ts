import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers'
import { freePort } from '@mumega/local/ports'
import { skipUnless, type DefineTest } from './skip-unless.ts'
import type { KafkaTests, TestKafka } from './test-kafka.ts'

type Engine = Awaited<ReturnType<typeof getContainerRuntimeClient>>

// As docker-compose.yml has it.
const IMAGE = 'apache/kafka:3.9.1'
const CONTROLLER_PORT = 9093
const START_MS_MAX = 120_000

/** Kafka as everybody runs it, for tests on machines where an engine for containers answers. */
export async function findKafkaContainer(
  test: DefineTest & { skip: DefineTest },
): Promise<KafkaTests> {
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  const reason = engine === undefined ? 'no Docker engine answers' : ''
  return {
    isPresent: engine !== undefined,
    kafkaTest: skipUnless(test, { isPresent: engine !== undefined, reason }),
    start: () => {
      if (engine === undefined) throw new Error(reason)
      return startContainer(engine)
    },
  }
}

async function startContainer(engine: Engine): Promise<TestKafka> {
  // Brokers tell their clients where they are: at the same port inside and outside.
  const port = await freePort()
  const brokers = `${engine.info.containerRuntime.host}:${port}`
  const container = await new GenericContainer(IMAGE)
    .withExposedPorts({ container: port, host: port })
    .withEnvironment(settingsOf(port, brokers))
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(START_MS_MAX)
    .start()
  const handle = engine.container.getById(container.getId())
  return {
    brokers,
    isIdempotent: true,
    async freeze() {
      await handle.pause()
    },
    async thaw() {
      await handle.unpause()
    },
    async stop() {
      await container.stop()
    },
  }
}

/** One broker that is its own controller. The image forgets its own settings where one is given. */
function settingsOf(port: number, brokers: string): Record<string, string> {
  return {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://0.0.0.0:${CONTROLLER_PORT}`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${brokers}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_CONTROLLER_QUORUM_VOTERS: `1@localhost:${CONTROLLER_PORT}`,
    KAFKA_NUM_PARTITIONS: '3',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  }
}
