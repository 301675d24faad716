import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { startTestDatabase, type TestDatabase } from '@mumega/testkit'
import { describeSchema } from './schema/describe-schema.ts'
import { readText } from './tree.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await startTestDatabase(SERVICES)
})
afterAll(() => database.drop())

describe('docs/schema', () => {
  test.each(SERVICES)('the schema of %s is what its migrations make', async (service) => {
    const schema = await describeSchema(database.adminUrl, service)

    expect(schema).toBe(readText(`docs/schema/${service}.sql`))
  })
})
