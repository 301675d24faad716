import { endRun } from './run-resources.ts'

/** Ends what the global set-up started. */
export default async function tearDown(): Promise<void> {
  await endRun()
}
