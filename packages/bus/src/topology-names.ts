import { STREAMS, type StreamName } from '@mumega/contracts/topology'

/** Under this prefix the server republishes what it has stored, for those who only listen. */
export const LIVE_PREFIX = 'live.'

/** The JetStream API as the admin calls it, in the account of the streams. */
export const JS_API = '$JS.API'

/** The few calls of it that a service may make, as they are named in the service's own account. */
export const SERVICE_JS_API = 'JS.API'

/** Where a service asks for the next messages of its durable consumer. */
export function pullSubjectOf({ stream, name }: { stream: string; name: string }): string {
  return `${SERVICE_JS_API}.CONSUMER.MSG.NEXT.${stream}.${name}`
}

/** The stream that stores a subject: each stream holds one kind, the subject's first token. */
export function streamOf(subject: string): StreamName {
  const kind = subject.slice(0, subject.indexOf('.'))
  for (const [name, stream] of Object.entries(STREAMS)) {
    // The keys of STREAMS are its names.
    if (stream.subjects.includes(`${kind}.>`)) return name as StreamName
  }
  throw new Error(`${subject} is stored by no stream`)
}
