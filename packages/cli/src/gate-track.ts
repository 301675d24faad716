import { Type } from 'typebox'
import { addTrack, getTrack, submitIteration } from '@mumega/contracts/gate'
import { getIteration, reportArm } from '@mumega/contracts/gate-review'
import { askGateway } from './ask-gateway.ts'
import type { Outcome } from './command.ts'
import type { Config } from './config.ts'
import { READS, SPRINTS, TRACK, trackName, trackPath, WRITES } from './gate-parts.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText } from './table.ts'

export async function add(args: readonly string[], config: Config): Promise<Outcome> {
  const { locks, ...others } = Type.Omit(addTrack.request, ['requestId']).properties
  const { fields, url, json } = readForm(args, {
    fields: { ...others, locks: Type.Optional(locks), ...ofTenant },
    words: TRACK,
    options: { title: 'title', author: 'author', locks: 'lock', tenantId: 'tenant' },
  })
  const { tenantId, sprintId, ...said } = fields
  const path = `${SPRINTS}/${sprintId}/tracks${queryOf({ tenantId })}`
  const body = { locks: [], ...said }
  const asked = { path, url, body, reply: addTrack.reply, what: 'no track', needs: WRITES }
  const track = await askGateway(asked, config)
  const text = linesText([`${trackName(track)} is added, by ${track.author}: ${track.title}`])
  return done(track, { json, text })
}

export async function show(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { ...getTrack.request.properties, ...ofTenant },
    words: TRACK,
    options: { tenantId: 'tenant' },
  })
  const path = `${trackPath(fields)}${queryOf({ tenantId: fields.tenantId })}`
  const asked = { path, url, reply: getTrack.reply, what: 'no track', needs: READS }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}

/** Brings the next commit of a track to the gate. */
export async function submit(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...Type.Omit(submitIteration.request, ['requestId']).properties, ...ofTenant },
    words: TRACK,
    options: { commit: 'commit', tenantId: 'tenant' },
  })
  const { commit, tenantId } = fields
  const path = `${trackPath(fields)}/iterations${queryOf({ tenantId })}`
  const body = { commit }
  const asked = { path, url, body, reply: submitIteration.reply, what: 'no track', needs: WRITES }
  const track = await askGateway(asked, config)
  const text = `iteration ${track.newestIteration} of ${trackName(track)} is ${commit}`
  return done(track, { json, text: linesText([text]) })
}

/** An iteration with all that a verdict on it judges. */
export async function showIteration(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { ...getIteration.request.properties, ...ofTenant },
    words: TRACK,
    options: { iteration: 'iteration', tenantId: 'tenant' },
  })
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `${trackPath(fields)}/iterations/${fields.iteration}${query}`
  const asked = { path, url, reply: getIteration.reply, what: 'no iteration', needs: READS }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}

/** Reports for one arm what it looked at. */
export async function report(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...Type.Omit(reportArm.request, ['requestId']).properties, ...ofTenant },
    words: TRACK,
    options: {
      ...{ iteration: 'iteration', arm: 'arm', commit: 'commit', how: 'how' },
      ...{ testsRun: 'tests-run', testsPassed: 'tests-passed', tenantId: 'tenant' },
    },
  })
  const { sprintId, trackId, iteration, tenantId, ...body } = fields
  const of = { sprintId, trackId }
  const path = `${trackPath(of)}/iterations/${iteration}/reports${queryOf({ tenantId })}`
  const asked = { path, url, body, reply: reportArm.reply, what: 'no report', needs: WRITES }
  const reported = await askGateway(asked, config)
  const { arm, by, testsPassed, testsRun } = reported
  const counts = `${testsPassed} of ${testsRun} tests passed`
  const text = `${arm} of iteration ${iteration} of ${trackName(of)} is reported by ${by}: ${counts}`
  return done(reported, { json, text: linesText([text]) })
}
