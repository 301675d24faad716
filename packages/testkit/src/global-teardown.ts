import { runFolder } from './config.ts'
import { clearRunFolder } from './run-folder.ts'

/** Ends what the global set-up started, and what a test left running. */
export default async function tearDown(): Promise<void> {
  await clearRunFolder(runFolder())
}
