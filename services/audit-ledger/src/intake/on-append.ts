import { hash } from 'node:crypto'
import { domainOf } from '@mumega/contracts/define'
import { PAYLOAD_BYTES_MAX } from '@mumega/tlog/entry'
import { logger } from '@mumega/telemetry'
import type { Drop, Misfits } from '../drops/misfits.ts'
import { isRefusal, prepareIntent, type PreparedIntent, type Refusal } from '../sealing/intent.ts'
import type { SealOutcome, SealRequest } from '../sealing/seal-request.ts'
import type { Pulled } from './pull.ts'
import { hashOf, hashOfIds, idOf, intentsOf } from './read-message.ts'
import { openUnderway, type Underway } from './underway.ts'

export interface Intake {
  onMessage(message: Pulled): void
  /** Says of each message that was taken over `ms` milliseconds ago that it is being worked on. */
  keepWaiting(ms: number): void
  /** What was taken from the stream and is not acknowledged yet. */
  pending(): { intents: number; bytes: number }
  /**
   * Messages whose handling failed in a way that nobody foresaw; each was handed back and is on
   * record.
   */
  failures(): number
}

export interface IntakeOptions {
  readonly submit: (request: SealRequest) => void
  readonly misfits: Misfits
  /** Entries in the log, as far as is known. */
  readonly logSize: () => number
  /** Called when a message was acknowledged or handed back. */
  readonly onDone: () => void
}

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 60_000

/**
 * One message on its way: acknowledged once each of its intents is in the log or on record as
 * refused.
 */
interface Course {
  readonly message: Pulled
  readonly source: string
  readonly takenMs: number
  /** Intents and records still under way. */
  open: number
  isHandedBack: boolean
  /** Whether something in it could not be put on record. */
  isUnrecorded: boolean
}

interface Taking extends IntakeOptions {
  readonly log: ReturnType<typeof logger>
  readonly held: { intents: number; bytes: number }
  /** In the order in which they were taken. */
  readonly courses: Set<Course>
  readonly underway: Underway
  failures: number
}

/**
 * Takes `aud.<source>.v1.append`. The source is the subject's: the server lets only the service
 * itself publish there, whatever the body says. What is good in a message is sealed, what is not
 * becomes a drop-record (LOCK-MON-6); acknowledged is only what is committed, and the rest of the
 * message comes again.
 */
export function openIntake(options: IntakeOptions): Intake {
  const taking: Taking = {
    ...options,
    log: logger('audit-ledger'),
    held: { intents: 0, bytes: 0 },
    courses: new Set(),
    underway: openUnderway(),
    failures: 0,
  }
  return {
    onMessage(message) {
      const source = domainOf(message.subject)
      const takenMs = performance.now()
      // Counted as open while the intents are handed over, so that none of them ends the message
      // before the last.
      const course: Course = {
        message,
        source,
        takenMs,
        open: 1,
        isHandedBack: false,
        isUnrecorded: false,
      }
      taking.held.bytes += message.bytes.length
      taking.courses.add(course)
      try {
        takeAll(taking, course)
      } catch (error) {
        onUnforeseen(taking, course, error)
      }
      finish(taking, course)
    },
    keepWaiting(ms) {
      const latestMs = performance.now() - ms
      for (const { takenMs, message } of taking.courses) {
        if (takenMs > latestMs) return
        message.working()
      }
    },
    pending: () => ({ ...taking.held }),
    failures: () => taking.failures,
  }
}

/**
 * Seals what is good; what is refused goes on record, by its id where it has one, otherwise
 * together. No hash is kept that is over a neighbour, too: an erasure of that would not find it.
 */
function takeAll(taking: Taking, course: Course): void {
  const candidates = intentsOf(course.message.bytes)
  if (typeof candidates === 'string') {
    // Nothing of it is sealed.
    const payloadHash = hash('sha256', course.message.bytes, 'buffer')
    drop(taking, course, { reason: candidates, payloadHash })
    return
  }
  const nameless: Dropped[] = []
  for (const candidate of candidates) {
    const intent = prepareIntent(course.source, candidate)
    if (!isRefusal(intent)) {
      submit(taking, course, intent)
      continue
    }
    const payloadHash = hashOf(candidate)
    const dropped = { ...idOf(candidate), reason: reasonOf(intent), payloadHash }
    if (dropped.id === undefined) nameless.push(dropped)
    else drop(taking, course, dropped)
  }
  const [first] = nameless
  if (first === undefined) return
  if (nameless.length === 1) {
    drop(taking, course, first)
    return
  }
  const reason = `${nameless.length} intents without a readable id, the first: ${first.reason}`
  const hashes = nameless.map(({ payloadHash }) => payloadHash)
  drop(taking, course, { reason, payloadHash: hash('sha256', Buffer.concat(hashes), 'buffer') })
}

/**
 * Nothing that is in a message may end the reader: the message goes on record and is tried again
 * later.
 */
function onUnforeseen(taking: Taking, course: Course, error: unknown): void {
  taking.failures += 1
  taking.log.error({ error, subject: course.message.subject }, 'message-not-handled')
  course.isHandedBack = true
  const reason = 'the message could not be handled'
  drop(taking, course, { reason, payloadHash: hashOfIds(course.message.bytes) })
}

function submit(taking: Taking, course: Course, intent: PreparedIntent): void {
  course.open += 1
  taking.held.intents += 1
  taking.underway.enter(intent)
  try {
    taking.submit(new TakenIntent(intent, taking, course))
  } catch (error) {
    // Nobody will settle it: the message would wait for it for ever.
    taking.underway.leave(intent)
    course.open -= 1
    taking.held.intents -= 1
    throw error
  }
}

/**
 * One intent of a message. A class, as it needs no closure: what is made for each intent lives
 * until its commit, and the garbage collector copies it.
 */
class TakenIntent implements SealRequest {
  readonly intent: PreparedIntent
  readonly #taking: Taking
  readonly #course: Course

  constructor(intent: PreparedIntent, taking: Taking, course: Course) {
    this.intent = intent
    this.#taking = taking
    this.#course = course
  }

  get mayBeKnown(): boolean {
    return this.#course.message.deliveries > 1
  }

  get submittedMs(): number {
    return this.#course.takenMs
  }

  settle(outcome: SealOutcome): void {
    this.#taking.held.intents -= 1
    this.#taking.underway.leave(this.intent)
    if (outcome.kind !== 'sealed') {
      onRefused(this.#taking, this.#course, { intent: this.intent, outcome })
    }
    finish(this.#taking, this.#course)
  }
}

function onRefused(
  taking: Taking,
  course: Course,
  { intent, outcome }: { intent: PreparedIntent; outcome: SealOutcome },
): void {
  const { source, id } = intent
  const refused = Buffer.from(intent.intentHash, 'latin1')
  if (outcome.kind === 'conflict') {
    const sealed = Buffer.from(outcome.sealedHash, 'latin1')
    record(taking, course, taking.misfits.recordConflict({ source, id, sealed, refused }))
    return
  }
  // It stays in the stream and is tried again, so that nothing is lost; a drop-record says that it
  // waits, and is resolved when the entry is sealed at last.
  course.isHandedBack = true
  if (outcome.kind !== 'collision') return
  const { attempts } = outcome
  const reason = `its place in the chain ${intent.chain} was taken, ${attempts} times`
  drop(taking, course, { id, reason, attempts, payloadHash: refused })
}

type Dropped = Pick<Drop, 'reason' | 'payloadHash'> & Partial<Pick<Drop, 'id' | 'attempts'>>

/**
 * Puts it on record with the size of the log. An intent of the same id that came before it and is
 * not in the log yet is waited for: its entry must not be taken for one that came after all.
 */
function drop(taking: Taking, course: Course, dropped: Dropped): void {
  const { source } = course
  course.open += 1
  const put = () => {
    const logSize = taking.logSize()
    record(taking, course, taking.misfits.recordDrop({ source, attempts: 1, logSize, ...dropped }))
    finish(taking, course)
  }
  const { id } = dropped
  if (id === undefined || !taking.underway.follow({ source, id }, put)) put()
}

/**
 * Waits for what is being put on record; when even that fails, the message is handed back, never
 * forgotten.
 */
function record(taking: Taking, course: Course, work: Promise<void>): void {
  course.open += 1
  work
    .catch((error: unknown) => {
      // Once for each message: a flood of bad intents must not become a flood of log lines.
      const { subject } = course.message
      if (!course.isUnrecorded) taking.log.error({ error, subject }, 'misfit-not-recorded')
      course.isUnrecorded = true
      course.isHandedBack = true
    })
    .finally(() => {
      finish(taking, course)
    })
}

function finish(taking: Taking, course: Course): void {
  course.open -= 1
  if (course.open > 0) return
  taking.held.bytes -= course.message.bytes.length
  taking.courses.delete(course)
  if (course.isHandedBack) course.message.nak(retryMs(course.message.deliveries))
  else course.message.ack()
  taking.onDone()
}

function reasonOf(refusal: Refusal): string {
  if (refusal.kind === 'malformed') return refusal.reason
  return `the payload has ${refusal.actualBytes} bytes, and ${PAYLOAD_BYTES_MAX} is the limit`
}

function retryMs(deliveries: number): number {
  return Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(deliveries - 1, 10))
}
