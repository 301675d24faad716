import { test } from '@jest/globals'
import { findTestKafka } from '@mumega/testkit'
import { testBothWays } from './kafka-both-ways.ts'

testBothWays(await findTestKafka(test))
