import type { LeafEntry } from '@mumega/tlog/entry'
import { VERSION } from '../config.ts'
import type { ExportFormat, Trailer } from './format.ts'

/** The version of the Open Cybersecurity Schema Framework that the mapping is made for. */
const OCSF_VERSION = '1.8.0'

const CATEGORY = { category_uid: 6, category_name: 'Application Activity' }
const CLASS = { class_uid: 6003, class_name: 'API Activity' }
const INFORMATIONAL = { severity_id: 1, severity: 'Informational' }
const PRODUCT = { name: 'Mumega audit ledger', vendor_name: 'Mumega', version: VERSION }

// The last word of an action says what was done. What is none of the four is Other, never a guess.
const ACTIVITIES: ReadonlyMap<string, readonly [id: number, name: string]> = new Map([
  ...named(1, 'Create', ['accepted', 'added', 'created', 'minted', 'registered', 'sent']),
  ...named(2, 'Read', ['exported', 'listed', 'read']),
  ...named(3, 'Update', ['acknowledged', 'changed', 'moved', 'ratified', 'renamed', 'updated']),
  ...named(4, 'Delete', ['deleted', 'erased', 'redacted', 'removed', 'revoked']),
])

function named(id: number, name: string, words: readonly string[]) {
  return words.map((word): [string, [number, string]] => [word, [id, name]])
}

function activityOf(action: string) {
  const word = action.slice(action.lastIndexOf('.') + 1)
  const [id, name] = ACTIVITIES.get(word) ?? [99, word]
  return {
    activity_id: id,
    activity_name: name,
    type_uid: CLASS.class_uid * 100 + id,
    type_name: `${CLASS.class_name}: ${id === 99 ? 'Other' : name}`,
  }
}

function actorOf({ id, kind }: LeafEntry['actor']) {
  if (kind === 'human') return { user: { uid: id, name: id, type_id: 1, type: 'User' } }
  if (kind === 'service') return { app_uid: id, app_name: id }
  return { app_uid: id, app_name: id, user: { uid: id, name: id, type_id: 99, type: 'Agent' } }
}

/**
 * OCSF API Activity, an event a line. The log knows no addresses: the source endpoint is the
 * service that recorded the act. What has no place in the schema stands in `unmapped`. The last
 * event is the trailer, an API Activity too: the read that the export itself is.
 */
export const ocsf: ExportFormat = {
  contentType: 'application/x-ndjson',
  extension: 'ocsf.jsonl',
  begin: () => '',
  line({ index, leafHash, entry }) {
    const { source, id, chain, seq, time, actor, action, target, phase, of, trace } = entry
    const event = {
      ...activityOf(action),
      ...CATEGORY,
      ...CLASS,
      ...INFORMATIONAL,
      time: Date.parse(time),
      message: `${actor.id} ${action} ${target}`,
      metadata: {
        version: OCSF_VERSION,
        product: PRODUCT,
        uid: `${source}/${id}`,
        original_event_uid: id,
        original_time: time,
        correlation_uid: trace,
        event_code: action,
        log_name: chain,
        log_provider: source,
        sequence: seq,
        tenant_uid: chain,
      },
      actor: actorOf(actor),
      api: { operation: action, service: { name: source } },
      src_endpoint: { svc_name: source, name: source },
      resources: [{ uid: target, type: target.slice(0, target.indexOf(':')) }],
      unmapped: {
        index,
        leafHash,
        phase,
        ...(of !== undefined && { of }),
        payload: entry.payload,
        prev: entry.prev,
      },
    }
    return `${JSON.stringify(event)}\n`
  },
  end: (trailer) => `${JSON.stringify(trailerEvent(trailer))}\n`,
}

function trailerEvent(trailer: Trailer) {
  const service = 'gateway'
  return {
    ...activityOf('audit.exported'),
    ...CATEGORY,
    ...CLASS,
    ...INFORMATIONAL,
    time: Date.parse(trailer.exportedAt),
    message: `The end of an export of ${trailer.count} entries`,
    metadata: { version: OCSF_VERSION, product: PRODUCT, event_code: 'audit.exported' },
    actor: { app_name: service, app_uid: `service:${service}` },
    api: { operation: 'audit.exported', service: { name: service } },
    src_endpoint: { svc_name: service, name: service },
    unmapped: { trailer: 1, ...trailer },
  }
}
