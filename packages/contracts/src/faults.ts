import { auditFilters, searchEntries } from './audit-search.ts'
import { recallEngrams } from './engrams.ts'
import { Commit, LockId } from './gate.ts'
import { getBriefing, ShapeCheck } from './gate-shapes.ts'
import { Circle, IDEMPOTENCY_KEY } from './gateway.ts'
import { Day, ObjectiveContent } from './objective-content.ts'
import { PrincipalId, PrincipalVkey } from './principals.ts'
import { setProgressSchedule } from './progress.ts'
import { AgentName, Sha256Hex, TenantId, Timestamp, TraceId, Uuid } from './scalars.ts'
import { NamePattern } from './send-policy.ts'
import { ofItsVariant, type SchemaComplaint } from './variants.ts'
import { listWork, WorkId } from './work.ts'

// What our patterns mean, for people.
const PATTERNS: ReadonlyMap<string, string> = new Map([
  [patternOf(Uuid), 'must be a UUID in lower case'],
  [patternOf(TenantId), 'must be 1–64 lower-case letters, digits and inner hyphens'],
  [
    patternOf(AgentName),
    'must be a lower-case letter, then at most 62 letters, digits and hyphens',
  ],
  [
    patternOf(NamePattern),
    'must be `*`, an agent’s name, or the beginning of names and one `*` behind it: worker-*',
  ],
  [patternOf(PrincipalId), 'must be agent.<name> or human.<name>'],
  [patternOf(PrincipalVkey), 'must be a verifier key: <principal>+<8 hex digits>+<base64>'],
  [patternOf(Day), 'must be a day, as 2026-09-30'],
  [patternOf(setProgressSchedule.request.properties.runAt), 'must be a time of day, as 02:00'],
  [
    patternOf(ObjectiveContent.properties.owner),
    'must be the name of an agent or a principal: kasra, agent.kasra',
  ],
  [patternOf(Circle), 'must be squad:<name>, project:<name> or entity:<name>'],
  [patternOf(recallEngrams.request.properties.after), 'must be `next` of the page before'],
  [patternOf(listWork.request.properties.after), 'must be `next` of the page before'],
  [patternOf(getBriefing.request.properties.after), 'must be `next` of the page before'],
  [patternOf(WorkId), 'must be 1–128 letters, digits and . _ : - with a letter or a digit first'],
  [patternOf(Commit), 'must be a commit: 40 or 64 lower-case hex digits'],
  [patternOf(LockId), 'must be the id of a LOCK: LOCK-<track>-<number>'],
  [
    patternOf(ShapeCheck.properties.name),
    'must be visible ASCII characters, and blanks among them',
  ],
  [patternOf(Sha256Hex), 'must be a SHA-256: 64 lower-case hex digits'],
  [patternOf(TraceId), 'must be a trace id: 32 lower-case hex digits'],
  [patternOf(Timestamp), 'must be a time in UTC with milliseconds, as 2026-11-21T08:00:00.000Z'],
  [patternOf(searchEntries.request.properties.cursor), 'must be `next` of the page before'],
  [patternOf(auditFilters.action), 'must be a dotted action, or a prefix that ends in `.*`'],
  [patternOf(auditFilters.target), 'must be <kind>:<id>, for instance deal:17'],
  [IDEMPOTENCY_KEY, 'must be 1–255 visible ASCII characters'],
])

/**
 * Names the first field that is wrong, and says why: what is unknown or missing before what has a
 * wrong value. `part` stands for the whole where no field can be named.
 */
export function faultOf(
  all: readonly SchemaComplaint[],
  part: string,
): { field: string; reason: string } {
  const complaints = ofItsVariant(all)
  const chosen =
    complaints.find((complaint) => isOfUnknown(complaint, complaints)) ??
    complaints.find(({ keyword }) => keyword === 'required') ??
    choiceOf(complaints) ??
    complaints.find(({ keyword }) => keyword !== 'const' && keyword !== 'boolean') ??
    complaints[0]
  const path = (chosen?.instancePath ?? '').split('/').slice(1)
  const field = [...path, ...namedIn(chosen?.params)].join('.') || part
  return { field, reason: reasonOf(chosen, complaints) }
}

/** Whether a field is one too many. In a map none is: what is said of its value counts. */
function isOfUnknown(
  { keyword, instancePath = '', params }: SchemaComplaint,
  all: readonly SchemaComplaint[],
): boolean {
  if (keyword !== 'additionalProperties') return false
  const path = `${instancePath}/${namedIn(params)[0] ?? ''}`
  return !all.some((other) => other.keyword !== 'boolean' && other.instancePath === path)
}

/** A choice among values of which some are written by a pattern: none of them is the reason. */
function choiceOf(complaints: readonly SchemaComplaint[]): SchemaComplaint | undefined {
  const pattern = complaints.find(({ keyword }) => keyword === 'pattern')
  if (pattern === undefined) return undefined
  const here = complaints.filter(({ instancePath }) => instancePath === pattern.instancePath)
  return allowedBy(here).length === 0 ? undefined : here.find(({ keyword }) => keyword === 'anyOf')
}

function allowedBy(complaints: readonly SchemaComplaint[]): unknown[] {
  return complaints.flatMap(({ params }) => {
    if (params && 'allowedValues' in params) return params.allowedValues
    return params && 'allowedValue' in params ? [params.allowedValue] : []
  })
}

function reasonOf(chosen: SchemaComplaint | undefined, all: readonly SchemaComplaint[]): string {
  if (chosen?.keyword === 'additionalProperties') return 'is not a known field'
  if (chosen?.keyword === 'required') return 'is missing'
  if (chosen?.keyword === 'anyOf' || chosen?.keyword === 'const') {
    const here = all.filter(({ instancePath }) => instancePath === chosen.instancePath)
    const written = here.filter(({ keyword }) => keyword === 'pattern')
    const others = written.map(({ params }) => `, or ${patternReason(params)}`)
    return `must be one of ${allowedBy(here).join(', ')}${others.join('')}`
  }
  if (chosen?.keyword === 'pattern') return patternReason(chosen.params)
  return chosen?.message ?? 'is wrong'
}

function patternOf(schema: object): string {
  return 'pattern' in schema ? String(schema.pattern) : ''
}

function patternReason(params: object | undefined): string {
  const pattern = params && 'pattern' in params ? String(params.pattern) : ''
  return PATTERNS.get(pattern) ?? 'is not written as /openapi.json describes it'
}

/** The properties that a complaint about an object names: the first is enough to mend it. */
function namedIn(params: object | undefined): string[] {
  const names =
    params && 'additionalProperties' in params
      ? params.additionalProperties
      : params && 'requiredProperties' in params
        ? params.requiredProperties
        : []
  return Array.isArray(names) && typeof names[0] === 'string' ? [names[0].slice(0, 100)] : []
}
