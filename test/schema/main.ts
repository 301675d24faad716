import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVICES } from '@mumega/contracts/topology'
import { startTestDatabase } from '@mumega/testkit'
import setUp from '@mumega/testkit/global-setup'
import tearDown from '@mumega/testkit/global-teardown'
import { ROOT } from '../tree.ts'
import { describeSchema } from './describe-schema.ts'

// Writes docs/schema anew, from the migrations.
await setUp()
try {
  const database = await startTestDatabase(SERVICES)
  for (const service of SERVICES) {
    const file = join('docs/schema', `${service}.sql`)
    writeFileSync(join(ROOT, file), await describeSchema(database.adminUrl, service))
    process.stdout.write(`${file}\n`)
  }
  await database.drop()
} finally {
  await tearDown()
}
