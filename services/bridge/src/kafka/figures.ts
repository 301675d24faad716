import type { DependencyHealth } from '@mumega/contracts/health'
import type { TopicRecord } from './topic-record.ts'

/** One call to Kafka that is under way. Exactly one of these ends it. */
export interface Sending {
  succeeded(records: readonly TopicRecord[]): void
  /** `absent` are the topics that Kafka does not have, where that is why. */
  failed(error: unknown, absent: readonly string[]): void
  /** It failed, and not for Kafka's health. */
  ended(): void
}

/** What the Kafka side has done since the start, and how it is. */
export interface Figures {
  sending(): Sending
  /** A record was accepted as a message. */
  accepted(): void
  /** A record is in the topic of dead letters. */
  deadLettered(): void
  /** A record has to wait for the database, the gateway or Kafka itself. */
  heldUp(): void
  /** The ledger gave the entries that were asked for. */
  ledgerAnswered(): void
  /** It did not, and what it sealed waits. */
  ledgerFailed(error: unknown): void
  lag(partition: number, records: number): void
  joined(partitions: readonly number[]): void
  /** `absent` is the topic that Kafka does not have, where that is why. */
  left(error: unknown, absent: string | undefined): void
  /** Of Kafka and of what else is needed here. */
  health(): DependencyHealth[]
  read(): Record<string, number>
}

const UNANSWERED_MS_MAX = 5_000
// What waits is tried again sooner, here; what another bridge sends is no longer known here.
const RETRIED_MS_MAX = 60_000

/** `topics` are those that are sent to. */
export function openFigures(topics: readonly string[]): Figures {
  const counts = { kafkaIn: 0, kafkaDeadLetters: 0, kafkaHeldUp: 0, kafkaLeft: 0 }
  const lags = new Map<number, number>()
  const sendings = openSendings(topics)
  const ledger = openLedgerHealth()
  let groupProblem: string | undefined = 'It has not joined its consumer group yet.'

  return {
    sending: () => sendings.begin(),
    accepted() {
      counts.kafkaIn += 1
    },
    deadLettered() {
      counts.kafkaDeadLetters += 1
    },
    heldUp() {
      counts.kafkaHeldUp += 1
    },
    ledgerAnswered: ledger.answered,
    ledgerFailed: ledger.failed,
    lag(partition, records) {
      lags.set(partition, records)
    },
    joined(partitions) {
      groupProblem = undefined
      for (const known of lags.keys()) if (!partitions.includes(known)) lags.delete(known)
    },
    left(error, absent) {
      counts.kafkaLeft += 1
      groupProblem = `Nothing is read from Kafka: ${absent === undefined ? wordsOf(error) : absenceOf([absent])}`
    },
    health() {
      const reason = sendings.problem() ?? groupProblem
      return [dependency('kafka', reason), dependency('audit-ledger', ledger.problem())]
    },
    read() {
      const figures: Record<string, number> = { ...counts, ...sendings.read() }
      for (const [partition, records] of lags) figures[`kafkaLag.${partition}`] = records
      return figures
    },
  }
}

function dependency(name: string, reason: string | undefined): DependencyHealth {
  if (reason === undefined) return { name, status: 'ok', latencyMs: 0 }
  return { name, status: 'failing', reason: reason.slice(0, 500), latencyMs: 0 }
}

function openLedgerHealth() {
  let failure: { error: unknown; atMs: number } | undefined
  return {
    answered(): void {
      failure = undefined
    },
    failed(error: unknown): void {
      failure = { error, atMs: performance.now() }
    },
    problem(): string | undefined {
      if (failure === undefined || performance.now() - failure.atMs > RETRIED_MS_MAX)
        return undefined
      return `Sealed entries wait on the bus for the audit-ledger: ${wordsOf(failure.error)}`
    },
  }
}

interface Sendings {
  begin(): Sending
  problem(): string | undefined
  read(): Record<string, number>
}

/** What goes to Kafka: how much, what failed last, and whether something is on its way too long. */
function openSendings(topics: readonly string[]): Sendings {
  const sent = new Map(topics.map((topic) => [topic, 0]))
  const underWay = new Map<Sending, number>()
  const absences = new Map<string, number>()
  let failures = 0
  let problem: string | undefined

  return {
    begin() {
      const sending: Sending = {
        succeeded(records) {
          underWay.delete(sending)
          problem = undefined
          for (const { topic } of records) {
            absences.delete(topic)
            sent.set(topic, (sent.get(topic) ?? 0) + 1)
          }
        },
        failed(error, absent) {
          underWay.delete(sending)
          failures += 1
          for (const topic of absent) absences.set(topic, performance.now())
          if (absent.length === 0)
            problem = `What is to be sent waits on the bus: ${wordsOf(error)}`
        },
        ended() {
          underWay.delete(sending)
        },
      }
      underWay.set(sending, performance.now())
      return sending
    },
    problem() {
      const nowMs = performance.now()
      if (nowMs - Math.min(...underWay.values()) > UNANSWERED_MS_MAX) {
        return 'What is sent is not acknowledged; it stays on the bus.'
      }
      // Others go on to be sent: their success says nothing of these.
      const absent = [...absences].filter(([, atMs]) => nowMs - atMs <= RETRIED_MS_MAX)
      if (absent.length === 0) return problem
      return `What is to be sent waits on the bus: ${absenceOf(absent.map(([topic]) => topic))}`
    },
    read() {
      const figures: Record<string, number> = { kafkaOutFailures: failures }
      for (const [topic, records] of sent) figures[`kafkaOut.${topic}`] = records
      return figures
    },
  }
}

function absenceOf(topics: readonly string[]): string {
  const names = topics.map((topic) => `"${topic}"`).join(', ')
  return `Kafka does not have ${names}, or this user has no rights to it; create it, or grant them.`
}

/** The client's errors wrap one another; the innermost says what happened. */
function wordsOf(error: unknown): string {
  let innermost = error
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause
  return innermost instanceof Error ? innermost.message : String(innermost)
}
