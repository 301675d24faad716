import { isAppError } from '@mumega/errors'
import { currentEnvironment } from './config.ts'
import { loadInstallation } from './init-config.ts'
import { provision, writeSecrets } from './installation.ts'

// The one-shot program of docker-compose.yml: `init.js secrets` before the servers start, `init.js
// provision` once they answer. Both may be run again.
const STEPS: Readonly<Record<string, () => void | Promise<void>>> = {
  secrets: () => writeSecrets(loadInstallation(currentEnvironment())),
  provision: () => provision(loadInstallation(currentEnvironment())),
}

const step = STEPS[process.argv[2] ?? '']
if (step === undefined) {
  process.stderr.write(`Usage: init.js ${Object.keys(STEPS).join('|')}\n`)
  process.exitCode = 2
} else {
  try {
    await step()
    process.stdout.write(`init ${process.argv[2] ?? ''}: done\n`)
  } catch (error) {
    if (!isAppError(error)) throw error
    process.stderr.write(`${error.code}: ${error.message}\n`)
    process.exitCode = 1
  }
}
