import { describe, test } from '@jest/globals'
import { findKafkaContainer } from '@mumega/testkit/kafka-container'
import { testBothWays } from './kafka-both-ways.ts'

const found = await findKafkaContainer(test)

describe('Kafka in a container', () => {
  testBothWays(found)
})
