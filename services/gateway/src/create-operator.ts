import { openDatabase } from '@mumega/db'
import { clockOf } from '@mumega/config/clock'
import { loadOperatorConfig } from './config.ts'
import { createFirstOperator } from './first-operator.ts'

// The program that `npm start` runs once: one line of JSON on standard output, whose secret is
// shown this once.
const config = loadOperatorConfig(process.env)
const db = openDatabase(config.DATABASE_URL, { poolMax: 1 })
try {
  process.stdout.write(`${JSON.stringify(await createFirstOperator(db, clockOf(config)))}\n`)
} finally {
  await db.destroy()
}
