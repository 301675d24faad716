import type { Report } from '@mumega/contracts/gate-review'
import type { Knex } from '@mumega/db'
import { columnsOf, type IterationKey } from '../sprints/track-repository.ts'

interface ReportRow {
  tenant_id: string
  sprint_id: string
  track_id: string
  iteration: number
  arm: Report['arm']
  commit_hash: string
  tests_run: number
  tests_passed: number
  how: string
  reported_by: string
  reported_at: Date
}

/** Sorted by arm. */
export async function listReports(trx: Knex.Transaction, key: IterationKey): Promise<Report[]> {
  const rows = await trx<ReportRow>('reports')
    .where({ ...columnsOf(key), iteration: key.iteration })
    .orderBy('arm')
    .select()
  return rows.map((row) => ({
    arm: row.arm,
    commit: row.commit_hash,
    testsRun: row.tests_run,
    testsPassed: row.tests_passed,
    how: row.how,
    by: row.reported_by,
    at: row.reported_at.toISOString(),
  }))
}

/** Needs the track's lock, and that the arm has not reported. */
export async function insertReport(
  trx: Knex.Transaction,
  key: IterationKey,
  report: Report,
): Promise<void> {
  await trx('reports').insert({
    ...{ ...columnsOf(key), iteration: key.iteration, arm: report.arm },
    ...{ commit_hash: report.commit, tests_run: report.testsRun },
    ...{ tests_passed: report.testsPassed, how: report.how },
    ...{ reported_by: report.by, reported_at: report.at },
  })
}
