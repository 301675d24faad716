import { availableParallelism } from 'node:os'
import { SERVICES } from '@mumega/contracts/topology'
import type { Environment } from './config.ts'
import { writeServicePids, type DataFolder } from './data-folder.ts'
import { keepRunning, type Kept } from './keep-running.ts'
import { openLogFile } from './log-file.ts'
import type { Progress } from './progress.ts'
import { serviceEnvironment, type Surroundings } from './service-environment.ts'
import { startService, type ServiceProcess } from './service-process.ts'
import type { Stoppable } from './stop-all.ts'

export interface ServicesOptions {
  folder: DataFolder
  surroundings: Surroundings
  environment: Environment
  progress: Progress
  /** Gets each service as soon as it serves, so that it is stopped whatever comes after. */
  keep: (service: Stoppable) => void
}

// A start is mostly the reading of code: more of them at once than there are cores gain nothing.
const AT_ONCE_MIN = 2

/**
 * Starts every service in the order of SERVICES, a few at once, and keeps them running. No service
 * waits for another one at its start. When one fails, those that were being started are let finish,
 * and the failure is thrown.
 */
export async function startServices(
  options: ServicesOptions,
): Promise<Map<string, Kept<ServiceProcess>>> {
  const started = new Map<string, Kept<ServiceProcess>>()
  const pids: Record<string, number> = {}
  const waiting = [...SERVICES]
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        started.set(next, await keepService(next, options, pids))
      } catch (error) {
        waiting.length = 0
        throw error
      }
    }
  }
  const lanes = Array.from({ length: Math.max(AT_ONCE_MIN, availableParallelism()) }, lane)
  await Promise.allSettled(lanes)
  await Promise.all(lanes)
  return started
}

async function keepService(
  service: string,
  { folder, surroundings, environment, progress, keep }: ServicesOptions,
  pids: Record<string, number>,
): Promise<Kept<ServiceProcess>> {
  const log = openLogFile(folder.at('logs', `${service}.log`))
  const kept = await keepRunning({
    name: service,
    log: progress.step,
    lastWords: (process) => process.lastWords(),
    async start() {
      const process = await startService({
        service,
        environment: serviceEnvironment(service, surroundings, environment),
        onLine: log.write,
      })
      pids[service] = process.pid
      writeServicePids(folder, pids)
      return process
    },
  })
  keep({ name: service, layer: 'service', order: SERVICES.indexOf(service), stop: kept.stop })
  progress.step(`${service} serves (process ${kept.current().pid})`)
  return kept
}
