import type { Bus } from '@mumega/bus'
import * as contracts from '@mumega/contracts/gate'
import { getLedger } from '@mumega/contracts/gate-ledger'
import * as review from '@mumega/contracts/gate-review'
import * as shapes from '@mumega/contracts/gate-shapes'
import { healthOf } from '@mumega/contracts/health'
import { startService } from '@mumega/service'
import type { Config } from './config.ts'
import type { Gate } from './gate.ts'
import { readHealth } from './health.ts'
import { handleCarryFinding, handleFixFinding } from './review/close-finding.ts'
import { handleGetIteration, handleListFindings } from './review/read-review.ts'
import { handleRecordFinding } from './review/record-finding.ts'
import { handleReportArm } from './review/report-arm.ts'
import { loadSeed, readSeed } from './seed/load-seed.ts'
import { handleGetBriefing } from './shapes/brief.ts'
import { handleDescribeShape } from './shapes/describe-shape.ts'
import { handleListShapes } from './shapes/read-shapes.ts'
import { handleAddTrack } from './sprints/add-track.ts'
import { handleGetLedger } from './sprints/ledger.ts'
import { handleOpenCorrectiveSprint, handleOpenSprint } from './sprints/open-sprint.ts'
import { handleGetSprint, handleGetTrack, handleListSprints } from './sprints/read-sprints.ts'
import { handleSubmitIteration } from './sprints/submit-iteration.ts'
import { handleGiveVerdict } from './verdicts/give-verdict.ts'

/**
 * Loads the seed, and answers the service's subjects until `stop()` resolves. Any number of these
 * may run on one database.
 *
 * @throws TypeError where the seed is not what its schema says
 */
export async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  // First of all, so that a start that fails by it has opened nothing.
  const seed = await readSeed()
  return startService({ name: 'gate', config }, async (parts) => {
    const { bus, db, clock } = parts
    const gate = { db, clock, bus }
    const seeded = await loadSeed(gate, seed)
    serveSprints(gate, bus)
    serveReview(gate, bus)
    serveShapes(gate, bus)
    bus.serve(healthOf('gate'), () => readHealth(parts, seeded))
  })
}

function serveSprints(gate: Gate, bus: Bus): void {
  bus.serve(contracts.openSprint, (request, { context }) =>
    handleOpenSprint(gate, context, request),
  )
  bus.serve(contracts.openCorrectiveSprint, (request, { context }) =>
    handleOpenCorrectiveSprint(gate, context, request),
  )
  bus.serve(contracts.getSprint, (request, { context }) => handleGetSprint(gate, context, request))
  bus.serve(contracts.listSprints, (request, { context }) =>
    handleListSprints(gate, context, request),
  )
  bus.serve(contracts.addTrack, (request, { context }) => handleAddTrack(gate, context, request))
  bus.serve(contracts.getTrack, (request, { context }) => handleGetTrack(gate, context, request))
  bus.serve(contracts.submitIteration, (request, { context }) =>
    handleSubmitIteration(gate, context, request),
  )
  bus.serve(getLedger, (request, { context }) => handleGetLedger(gate, context, request))
}

function serveReview(gate: Gate, bus: Bus): void {
  bus.serve(review.getIteration, (request, { context }) =>
    handleGetIteration(gate, context, request),
  )
  bus.serve(review.reportArm, (request, { context }) => handleReportArm(gate, context, request))
  bus.serve(review.recordFinding, (request, { context }) =>
    handleRecordFinding(gate, context, request),
  )
  bus.serve(review.fixFinding, (request, { context }) => handleFixFinding(gate, context, request))
  bus.serve(review.carryFinding, (request, { context }) =>
    handleCarryFinding(gate, context, request),
  )
  bus.serve(review.listFindings, (request, { context }) =>
    handleListFindings(gate, context, request),
  )
  bus.serve(review.giveVerdict, (request, { context }) => handleGiveVerdict(gate, context, request))
}

function serveShapes(gate: Gate, bus: Bus): void {
  bus.serve(shapes.describeShape, (request, { context }) =>
    handleDescribeShape(gate, context, request),
  )
  bus.serve(shapes.listShapes, (request, { context }) => handleListShapes(gate, context, request))
  bus.serve(shapes.getBriefing, (request, { context }) => handleGetBriefing(gate, context, request))
}
