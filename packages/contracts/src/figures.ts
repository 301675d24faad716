/** What a figure of a service's health means, so that it can be told as a metric. */
export interface Figure {
  /** A counter only grows while its process lives; a gauge may go either way. */
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  /** Of what, where the name does not say it. A figure whose name ends in `Ms` is milliseconds. */
  readonly unit?: string
  /**
   * It is told once for each value of this: `kafkaLag.3` is the figure `kafkaLag` of partition 3.
   */
  readonly label?: string
}

type More = Pick<Figure, 'unit' | 'label'>

const counter = (help: string, more: More = {}): Figure => ({ kind: 'counter', help, ...more })
const gauge = (help: string, more: More = {}): Figure => ({ kind: 'gauge', help, ...more })

const relay = {
  relayPublished: counter('Rows of the outbox that were published.'),
  relayFailures: counter('Attempts to publish out of the outbox that failed.'),
  outboxPending: gauge('Rows of the outbox that are not published yet.'),
}

const anchors = (name: string, place: string) => ({
  [`${name}Copied`]: gauge(`Anchors copied to ${place}, without a gap.`, { unit: 'anchors' }),
  [`${name}Waiting`]: gauge(`Anchors not copied to ${place} yet.`, { unit: 'anchors' }),
  [`${name}LagMs`]: gauge(`For how long nothing was copied to ${place} though something waits.`),
  [`${name}Failures`]: counter(`Attempts to copy to ${place} that failed.`),
  [`${name}Rounds`]: counter(`Rounds in which every copy in ${place} was read again.`),
})

/**
 * Every figure that a service tells in its health. What can wait or be amiss is a gauge, and so is
 * the place up to which something has come: it is not counted from the start of a process.
 */
export const FIGURES: Readonly<Record<string, Readonly<Record<string, Figure>>>> = {
  gateway: {
    ...relay,
    streamsOpen: gauge('Event streams, and requests that wait for mail, that are open.'),
  },
  bridge: {
    ...relay,
    asksWaiting: gauge('Asks that wait for their answer.'),
    deadLettersOpen: gauge('Dead letters that nobody has replayed, at most 10,000.'),
    heartbeatsPublished: counter('Heartbeats of the bridge itself.'),
    kafkaIn: counter('Records from Kafka that became messages.', { unit: 'records' }),
    kafkaOut: counter('Records that Kafka has taken.', { unit: 'records', label: 'topic' }),
    kafkaOutFailures: counter('Requests to Kafka that failed and are tried again.'),
    kafkaDeadLetters: counter('Records put into the topic of dead letters.'),
    kafkaHeldUp: counter('Times that a record had to wait for what has to look at it.'),
    kafkaLeft: counter('Times that the consumer group was left by a failure.'),
    kafkaLag: gauge('Records of the inbound topic that are not taken yet.', {
      unit: 'records',
      label: 'partition',
    }),
    kafkaBehind: gauge('Messages of the bus that are not in Kafka yet.', {
      unit: 'messages',
      label: 'consumer',
    }),
    kafkaForwards: gauge('1 where this process is the one that forwards to Kafka.'),
  },
  objectives: {
    ...relay,
    principalsElsewhere: gauge('Principals whose key on record is not the installation’s.'),
    mirrorWaiting: gauge('Engrams that the external Mirror is still to be told, at most 10,000.'),
    mirrorDead: gauge('Engrams that the Mirror did not take for good, at most 10,000.'),
    mirrorSent: counter('Engrams that the Mirror was told.'),
    mirrorFailures: counter('Attempts to tell the Mirror that failed.'),
  },
  gate: {
    ...relay,
    seedsElsewhere: gauge('Sprints of the seed whose id another sprint has.'),
  },
  'audit-ledger': {
    relayFailures: relay.relayFailures,
    relayPublished: relay.relayPublished,
    size: gauge('Entries in the log.', { unit: 'entries' }),
    epoch: gauge('How often the lead has changed hands.'),
    waiting: gauge('Requests that wait to be sealed.'),
    sealingLagMs: gauge('How long the oldest request has waited to be sealed.'),
    collisions: counter('Places in the log that another ledger had taken.'),
    checkpointSize: gauge('Entries of the newest checkpoint.', { unit: 'entries' }),
    lastCheckpointAgeMs: gauge('Since the newest checkpoint was signed.'),
    intakeIntents: gauge('Intents that were received and are not settled.'),
    intakeFailures: counter('Messages whose handling failed unforeseen; they come again.'),
    unannounced: gauge('Entries that are sealed and not announced yet.', { unit: 'entries' }),
    drops: gauge('Intents that were dropped and not resolved.'),
    conflicts: gauge('Intents that came with the id of another.'),
    misfitsWaiting: gauge('Drops and conflicts that wait to be put on record.'),
    misfitFailures: counter('Drops and conflicts that could not be put on record at first.'),
    indexLag: gauge('Entries that are sealed and not to be found yet.', { unit: 'entries' }),
    indexFaults: gauge('Faults ever found in the search index.'),
    indexFaultsOpen: gauge('Faults of the search index that are not mended.'),
    findings: gauge('Open findings: stored values that are not what they were, or are missing.'),
    findingsHalting: gauge('Open findings for which the ledger stops.'),
    scrubPosition: gauge('The entry that is read again next.', { unit: 'entries' }),
    scrubSize: gauge('Entries that this pass reads again.', { unit: 'entries' }),
    scrubEntriesPerSecond: gauge('How fast entries are read again.'),
    scrubPasses: counter('Passes over the whole log.'),
    scrubFailures: counter('Attempts to read the log again that failed.'),
    scrubThreadsLost: counter('Threads that died while they read the log again.'),
    scrubLastPassAgeMs: gauge('Since the last pass over the whole log ended.'),
    scrubLastPassEntries: gauge('Entries that the last pass read.'),
    completenessLooks: counter('Looks for what should have come and did not.'),
    intentsAwaited: gauge('Intents that are missing and not overdue yet.'),
    intentsMissing: gauge('Intents that are overdue.'),
    numbersReused: gauge('Intents whose number an earlier one of their producer had.'),
    outcomesMissing: gauge('Intents without an outcome that are overdue.'),
    witnesses: gauge('Witnesses that are asked to cosign.'),
    cosignedSize: gauge('Entries of the newest cosigned checkpoint.', { unit: 'entries' }),
    cosignedLagMs: gauge('For how long a checkpoint has waited for its quorum of witnesses.'),
    witnessFailures: counter('Requests to witnesses that failed.'),
    witnessRefusals: counter('Checkpoints that a witness refused.'),
    timestampedSize: gauge('Entries of the newest time-stamped checkpoint.', { unit: 'entries' }),
    timestampFailures: counter('Requests for time stamps that failed.'),
    ...anchors('anchorFolder', 'the folder'),
    ...anchors('anchorBucket', 'the bucket'),
  },
}

/** One figure of a service's health, with what it means. */
export interface FoundFigure {
  readonly name: string
  readonly figure: Figure
  /** Present exactly where the figure has a label. */
  readonly labelValue: string | undefined
}

/**
 * What `told`, a name in a service's health, means; undefined where this version does not know it:
 * names come from other processes, which may be newer.
 */
export function findFigure(service: string, told: string): FoundFigure | undefined {
  const known = Object.hasOwn(FIGURES, service) ? FIGURES[service] : undefined
  const [, name = '', labelValue] = /^([^.]*)(?:\.(.+))?$/s.exec(told) ?? []
  const figure = known !== undefined && Object.hasOwn(known, name) ? known[name] : undefined
  if (figure === undefined) return undefined
  if ((figure.label === undefined) !== (labelValue === undefined)) return undefined
  return { name, figure, labelValue }
}
