import { RIGHTS, STREAMS } from '@mumega/contracts/topology'

// What a service may and may not do, worked out from RIGHTS without the code that makes the
// server's configuration.
export const SERVICES = Object.keys(RIGHTS)
const KINDS = ['evt', 'aud', 'bus', 'wake']

const JETSTREAM_CALLS = Object.keys(STREAMS).flatMap((stream) => [
  `$JS.API.STREAM.CREATE.${stream}`,
  `$JS.API.STREAM.UPDATE.${stream}`,
  `$JS.API.STREAM.DELETE.${stream}`,
  `$JS.API.STREAM.PURGE.${stream}`,
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.STREAM.MSG.DELETE.${stream}`,
  `$JS.API.STREAM.SNAPSHOT.${stream}`,
  `$JS.API.STREAM.RESTORE.${stream}`,
  `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`,
  `$JS.API.STREAM.PEER.REMOVE.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.aud.bridge.v1.append`,
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.spy`,
  `$JS.API.CONSUMER.CREATE.${stream}.spy.aud.>`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.spy`,
  `$JS.API.CONSUMER.LIST.${stream}`,
  `$JS.API.CONSUMER.NAMES.${stream}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.spy`,
  `JS.API.STREAM.MSG.GET.${stream}`,
  `JS.API.CONSUMER.CREATE.${stream}`,
])

const SERVER_CALLS = [
  '$JS.API.INFO',
  '$JS.API.STREAM.CREATE.MIRROR',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.META.LEADER.STEPDOWN',
  '$JS.API.SERVER.REMOVE',
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.USER.INFO',
  '$SYS.ACCOUNT.STREAMS.CONNS',
  '_R_.forged',
  '_INBOX.anybody',
  '_INBOX_admin.reply',
  'anything.else',
]

export const CONSUMERS = Object.entries(RIGHTS).flatMap(([owner, { consumers }]) =>
  consumers.map(({ stream, name }) => ({
    owner,
    subjects: [
      `JS.API.CONSUMER.INFO.${stream}.${name}`,
      `JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
      `$JS.ACK.${stream}.${name}.1.1.1.1.0`,
    ],
    calls: [
      `$JS.API.CONSUMER.INFO.${stream}.${name}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
      `$JS.API.CONSUMER.DELETE.${stream}.${name}`,
      `$JS.API.CONSUMER.RESET.${stream}.${name}`,
      `$JS.API.CONSUMER.PAUSE.${stream}.${name}`,
      `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${name}`,
    ],
  })),
)

const HEARD = [...new Set(Object.values(RIGHTS).flatMap(({ hears }) => hears))]

/** Subjects to try to publish on. */
export function publishable(service: string): { granted: string[]; forbidden: string[] } {
  const candidates = SERVICES.flatMap((other) => [
    ...KINDS.map((kind) => ({
      subject: `${kind}.${other}.v1.x`,
      // What the ledger does not consume would be stored and never read.
      may: other === service && kind !== 'aud',
    })),
    { subject: `aud.${other}.v1.append`, may: other === service },
    { subject: `rpc.${other}.v1.x`, may: RIGHTS[service]?.calls.includes(other) === true },
    { subject: `_INBOX_${other}.reply`, may: false },
    ...SERVICES.map((callee) => ({
      subject: `_REPLY_.${other}.${callee}.a.b`,
      may: callee === service && RIGHTS[other]?.calls.includes(service) === true,
    })),
    ...HEARD.map((heard) => ({ subject: `live.${heard}`, may: false })),
  ])
  const consuming = CONSUMERS.flatMap(({ owner, subjects }) =>
    subjects.map((subject) => ({ subject, may: owner === service })),
  )
  const never = [...JETSTREAM_CALLS, ...SERVER_CALLS, ...CONSUMERS.flatMap(({ calls }) => calls)]
  return split([...candidates, ...consuming, ...never.map((subject) => ({ subject, may: false }))])
}

/** Subjects to try to subscribe. */
export function subscribable(service: string): { granted: string[]; forbidden: string[] } {
  const candidates = SERVICES.flatMap((other) => [
    { subject: `rpc.${other}.>`, may: other === service },
    { subject: `rpc.${other}.v1.x`, may: other === service },
    { subject: `_INBOX_${other}.>`, may: other === service },
    { subject: `_INBOX_${other}.a.b`, may: other === service },
    { subject: `_REPLY_.${other}.>`, may: false },
    ...SERVICES.map((callee) => ({
      subject: `_REPLY_.${other}.${callee}.a.*`,
      may: other === service && RIGHTS[service]?.calls.includes(callee) === true,
    })),
    ...KINDS.map((kind) => ({ subject: `${kind}.${other}.>`, may: false })),
    ...KINDS.map((kind) => ({ subject: `live.${kind}.${other}.>`, may: false })),
  ])
  const heard = HEARD.map((subject) => ({
    subject: `live.${subject}`,
    may: RIGHTS[service]?.hears.includes(subject) === true,
  }))
  const wide = ['>', '*.>', '*.*.>', 'rpc.>', 'rpc.*.v1.*', 'evt.>', 'aud.>', 'bus.>', 'wake.>']
  const never = [
    ...wide,
    ...HEARD,
    ...['live.>', '_INBOX.>', '_INBOX_admin.>', '_R_.>', '_REPLY_.>', '_REPLY_.admin.>'],
  ]
  const system = ['$JS.>', '$JS.API.>', '$JS.ACK.>', '$JS.EVENT.>', '$SYS.>', 'JS.API.>']
  const refused = [...never, ...system].map((subject) => ({ subject, may: false }))
  return split([...candidates, ...heard, ...refused])
}

function split(candidates: readonly { subject: string; may: boolean }[]) {
  const of = (may: boolean) => [
    ...new Set(candidates.filter((one) => one.may === may).map(({ subject }) => subject)),
  ]
  return { granted: of(true), forbidden: of(false) }
}
