import { LEASE_SECONDS } from '@mumega/contracts/deliveries'

type End = 'acknowledged' | 'dead-lettered' | 'expired'

interface Message {
  position: number
  expiresAt: number
  /** The first end counts, but for an acknowledgement, which may come late. */
  end?: End
  fetched: boolean
}

interface Body {
  cursor: number
  leases: Map<number, { attempts: number; endsAt: number }>
}

const ATTEMPTS_MAX = LEASE_SECONDS.length

/** One inbox as its users are promised it, kept naively. Times in seconds. */
export class DeliveryModel {
  now = 0
  readonly messages: Message[] = []
  readonly bodies = new Map<string, Body>()

  send(expiresIn: number): void {
    const position = this.messages.length + 1
    this.messages.push({ position, expiresAt: this.now + expiresIn, fetched: false })
  }

  receive(name: string, limit: number): { position: number; attempt: number | undefined }[] {
    const body = this.bodies.get(name) ?? this.newBody()
    this.bodies.set(name, body)
    const again = [...body.leases]
      .filter(([, { attempts, endsAt }]) => endsAt <= this.now && attempts < ATTEMPTS_MAX)
      .map(([position]) => this.at(position))
      .filter((message) => this.isLive(message))
      .sort((a, b) => a.position - b.position)
    const fresh = this.messages.filter(
      (message) => message.position > body.cursor && !this.isExpired(message),
    )
    const given = [...again, ...fresh].slice(0, limit)
    for (const { position } of given) body.cursor = Math.max(body.cursor, position)
    if (again.length + fresh.length <= limit) body.cursor = this.messages.length
    return given.map((message) => {
      message.fetched = true
      if (message.end !== undefined) return { position: message.position, attempt: undefined }
      const attempts = (body.leases.get(message.position)?.attempts ?? 0) + 1
      const endsAt = this.now + (LEASE_SECONDS[attempts - 1] ?? 0)
      body.leases.set(message.position, { attempts, endsAt })
      return { position: message.position, attempt: attempts }
    })
  }

  /** Whether the body held it. */
  hold(name: string, position: number, seconds: number): boolean {
    const lease = this.bodies.get(name)?.leases.get(position)
    if (lease === undefined || lease.endsAt <= this.now) return false
    lease.endsAt = this.now + seconds
    return true
  }

  acknowledge(position: number): void {
    this.end(this.at(position), 'acknowledged')
  }

  /** Whether it was there to be rejected. */
  reject(position: number): boolean {
    const message = this.at(position)
    if (message.end !== undefined) return false
    this.end(message, 'dead-lettered')
    return true
  }

  /** Whether it was a dead letter that is worth something still. */
  redeliver(position: number): boolean {
    const message = this.at(position)
    if (message.end !== 'dead-lettered' || message.expiresAt <= this.now) return false
    delete message.end
    for (const { cursor, leases } of this.bodies.values()) {
      if (cursor >= position) leases.set(position, { attempts: 0, endsAt: this.now })
    }
    return true
  }

  sweep(): void {
    for (const message of this.messages) {
      if (message.end !== undefined) continue
      const leases = [...this.bodies.values()].flatMap(
        (body) => body.leases.get(message.position) ?? [],
      )
      const isUsedUp = leases.some(({ attempts }) => attempts === ATTEMPTS_MAX)
      const isHeld = leases.some(({ endsAt }) => endsAt > this.now)
      if (isUsedUp && !isHeld) this.end(message, 'dead-lettered')
      else if (message.expiresAt <= this.now) this.end(message, 'expired')
    }
  }

  statusOf(position: number): string {
    const { end, fetched } = this.at(position)
    return end ?? (fetched ? 'fetched' : 'queued')
  }

  unread(): number {
    return this.messages.filter(({ end }) => end === undefined).length
  }

  /** What no body would ever be given, though nobody has settled it: there must never be any. */
  lost(): number[] {
    const bodies = [...this.bodies.values()]
    return this.messages
      .filter((message) => this.isLive(message))
      .filter(({ position }) =>
        bodies.some(({ cursor, leases }) => cursor >= position && !leases.has(position)),
      )
      .map(({ position }) => position)
  }

  private newBody(): Body {
    const open = this.messages.find(({ end }) => end === undefined)
    const cursor = open === undefined ? this.messages.length : open.position - 1
    return { cursor, leases: new Map() }
  }

  private end(message: Message, end: End): void {
    message.end = end
    for (const { leases } of this.bodies.values()) leases.delete(message.position)
  }

  private isExpired(message: Message): boolean {
    return message.end === 'expired' || message.expiresAt <= this.now
  }

  private isLive(message: Message): boolean {
    return message.end === undefined && message.expiresAt > this.now
  }

  private at(position: number): Message {
    const message = this.messages[position - 1]
    if (message === undefined) throw new Error(`there is no message at ${position}`)
    return message
  }
}
