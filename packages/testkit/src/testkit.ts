// The one entrance for tests. Every name is exported from the module that defines it.
export { startTestCluster, type TestCluster } from './cluster.ts'
export { startTestDatabase, type TestDatabase } from './database.ts'
export { eventually, type EventuallyOptions } from './eventually.ts'
export { startTestNats, type TestNats } from './nats.ts'
export { skipUnless, type Capability } from './skip-unless.ts'
export { startTestSuite, type TestSuite, type TestSuiteOptions } from './suite.ts'
export { startTestWitness, type TestWitness, type WitnessFault } from './test-witness.ts'
export { opensslPresent, startTestTsa, type TestTsa, type TsaFault } from './test-tsa.ts'
