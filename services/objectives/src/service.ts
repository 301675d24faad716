import type { Bus } from '@mumega/bus'
import * as engrams from '@mumega/contracts/engrams'
import { healthOf } from '@mumega/contracts/health'
import * as contracts from '@mumega/contracts/objectives'
import * as principals from '@mumega/contracts/principals'
import * as progress from '@mumega/contracts/progress'
import * as work from '@mumega/contracts/work'
import { startService } from '@mumega/service'
import type { Config } from './config.ts'
import { handleGetEngram, handleRecallEngrams } from './engrams/recall-engrams.ts'
import { handleRecordEngram } from './engrams/record-engram.ts'
import { readHealth } from './health.ts'
import { startForwarding } from './mirror/forwarding.ts'
import { mirrorSettings } from './mirror/settings.ts'
import type { Objectives } from './objectives.ts'
import { handleDecideObjective } from './objectives/decide-objective.ts'
import { handleCreateObjective, handleEditObjective } from './objectives/draft-objective.ts'
import { handleObjectToObjective, handleProposeObjective } from './objectives/propose-objective.ts'
import {
  handleGetObjective,
  handleListObjectiveChanges,
  handleListObjectives,
} from './objectives/read-objectives.ts'
import { handleRunProgress } from './progress/ask-run.ts'
import { startMizan } from './progress/mizan.ts'
import {
  handleGetProgress,
  handleListEvidence,
  handleListProgressRuns,
} from './progress/read-progress.ts'
import { handleGetProgressSchedule, handleSetProgressSchedule } from './progress/schedule.ts'
import { handleChangeStatus } from './principals/change-status.ts'
import { handleCheckSignature } from './principals/check-signature.ts'
import { handleGetPrincipal, handleListPrincipals } from './principals/read-principals.ts'
import { readPrincipals, registerPrincipals } from './principals/register-principals.ts'
import { handleRotateKey } from './principals/rotate-key.ts'
import { handlePutWork } from './work/put-work.ts'
import { handleGetWork, handleListWork, handleReadDrift } from './work/read-work.ts'

/**
 * Registers the installation's principals, and answers the service's subjects until `stop()`
 * resolves. Any number of these may run on one database.
 *
 * @throws config.invalid naming what is wrong with the file of principals, or with the Mirror
 */
export async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  // First of all, so that a start that fails by it has opened nothing.
  const first = await readPrincipals(config.OBJECTIVES_PRINCIPALS_FILE)
  const mirror = mirrorSettings(config)
  return startService({ name: 'objectives', config }, async (parts) => {
    const { bus, db, clock } = parts
    const objectives = { db, clock, mirror }
    const registered = await registerPrincipals(objectives, first)
    servePrincipals(objectives, bus)
    serveObjectives(objectives, bus)
    serveProgress(objectives, bus)
    const mizan = startMizan(objectives)
    parts.onStop(() => mizan.stop())
    serveEngrams(objectives, bus)
    serveWork(objectives, bus)
    const forwarding = mirror && startForwarding(objectives, mirror)
    if (forwarding !== undefined) parts.onStop(() => forwarding.stop())
    bus.serve(healthOf('objectives'), () => readHealth(parts, { registered, forwarding }))
  })
}

function servePrincipals(objectives: Objectives, bus: Bus): void {
  bus.serve(principals.listPrincipals, () => handleListPrincipals(objectives))
  bus.serve(principals.getPrincipal, (request) => handleGetPrincipal(objectives, request))
  bus.serve(principals.checkSignature, (request) => handleCheckSignature(objectives, request))
  bus.serve(principals.rotateKey, (request, { context }) =>
    handleRotateKey(objectives, context, request),
  )
  bus.serve(principals.suspendPrincipal, (request, { context }) =>
    handleChangeStatus(objectives, { context, request }, 'suspended'),
  )
  bus.serve(principals.reinstatePrincipal, (request, { context }) =>
    handleChangeStatus(objectives, { context, request }, 'active'),
  )
}

function serveObjectives(objectives: Objectives, bus: Bus): void {
  bus.serve(contracts.createObjective, (request, { context }) =>
    handleCreateObjective(objectives, context, request),
  )
  bus.serve(contracts.editObjective, (request, { context }) =>
    handleEditObjective(objectives, context, request),
  )
  bus.serve(contracts.proposeObjective, (request, { context }) =>
    handleProposeObjective(objectives, context, request),
  )
  bus.serve(contracts.objectToObjective, (request, { context }) =>
    handleObjectToObjective(objectives, context, request),
  )
  bus.serve(contracts.decideObjective, (request, { context }) =>
    handleDecideObjective(objectives, context, request),
  )
  bus.serve(contracts.getObjective, (request, { context }) =>
    handleGetObjective(objectives, context, request),
  )
  bus.serve(contracts.listObjectives, (request, { context }) =>
    handleListObjectives(objectives, context, request),
  )
  bus.serve(contracts.listObjectiveChanges, (request, { context }) =>
    handleListObjectiveChanges(objectives, context, request),
  )
}

function serveEngrams(objectives: Objectives, bus: Bus): void {
  bus.serve(engrams.recordEngram, (request, { context }) =>
    handleRecordEngram(objectives, context, request),
  )
  bus.serve(engrams.getEngram, (request, { context }) =>
    handleGetEngram(objectives, context, request),
  )
  bus.serve(engrams.recallEngrams, (request, { context }) =>
    handleRecallEngrams(objectives, context, request),
  )
}

function serveProgress(objectives: Objectives, bus: Bus): void {
  bus.serve(progress.getProgress, (request, { context }) =>
    handleGetProgress(objectives, context, request),
  )
  bus.serve(progress.listEvidence, (request, { context }) =>
    handleListEvidence(objectives, context, request),
  )
  bus.serve(progress.listProgressRuns, (request, { context }) =>
    handleListProgressRuns(objectives, context, request),
  )
  bus.serve(progress.runProgress, (request, { context }) =>
    handleRunProgress(objectives, context, request),
  )
  bus.serve(progress.getProgressSchedule, (_request, { context }) =>
    handleGetProgressSchedule(objectives, context),
  )
  bus.serve(progress.setProgressSchedule, (request, { context }) =>
    handleSetProgressSchedule(objectives, context, request),
  )
}

function serveWork(objectives: Objectives, bus: Bus): void {
  bus.serve(work.putWork, (request, { context }) => handlePutWork(objectives, context, request))
  bus.serve(work.getWork, (request, { context }) => handleGetWork(objectives, context, request))
  bus.serve(work.listWork, (request, { context }) => handleListWork(objectives, context, request))
  bus.serve(work.readDrift, (request, { context }) => handleReadDrift(objectives, context, request))
}
