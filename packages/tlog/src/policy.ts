import { COSIGNATURE, ED25519, parseVkey, type Verifier } from './note.ts'

/** Characters, and witnesses and groups together, of one policy at most. */
export const POLICY_CHARACTERS_MAX = 65_536
export const POLICY_MEMBERS_MAX = 64
// What is kept and told of a witness has room for so much.
const KEY_NAME_MAX = 200

/** A line of a policy that does not say what it must. The message names the remedy. */
export class PolicyError extends Error {
  /** From 1; 0 when it is the file as a whole. */
  readonly line: number

  constructor(line: number, message: string) {
    super(line === 0 ? message : `line ${line}: ${message}`)
    this.name = 'PolicyError'
    this.line = line
  }
}

export interface PolicyLog {
  readonly verifier: Verifier
  readonly vkey: string
  readonly url?: string
}

export interface PolicyWitness {
  /** As the policy calls it; its key may have another name. */
  readonly name: string
  readonly verifier: Verifier
  readonly vkey: string
  /** Submission prefix, without a slash at its end. */
  readonly url?: string
  /** Where it is declared, from 1. */
  readonly line: number
}

interface Group {
  readonly threshold: number
  readonly members: readonly string[]
}

/** Which logs are known, which witnesses, and how many of these must have cosigned. */
export interface Policy {
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  readonly groups: ReadonlyMap<string, Group>
  /** Name of a witness or group; undefined where the policy says `none`. */
  readonly quorum: string | undefined
}

const KEYWORDS = new Set(['log', 'witness', 'group', 'quorum', 'any', 'all', 'none'])

interface Draft {
  logs: PolicyLog[]
  witnesses: PolicyWitness[]
  groups: Map<string, Group>
  quorum?: { name: string; line: number }
}

/**
 * Reads a policy in the line format that sigsum began and C2SP tlog-policy uses, with verifier keys
 * for keys: `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`,
 * `group <name> <threshold|any|all> <member>…` and `quorum <name|none>`. `#` starts a comment. A
 * member must be declared above its group, so that no group contains itself, and is in one group.
 *
 * @throws PolicyError naming the line and what to do
 */
export function parsePolicy(text: string): Policy {
  if (text.length > POLICY_CHARACTERS_MAX) {
    throw new PolicyError(0, `the policy is longer than ${POLICY_CHARACTERS_MAX} characters`)
  }
  const draft: Draft = { logs: [], witnesses: [], groups: new Map() }
  for (const [at, whole] of text.split('\n').entries()) {
    const words = (whole.split('#', 1)[0] ?? '').split(/[ \t\r]+/).filter((word) => word !== '')
    if (words.length > 0) readLine(draft, at + 1, words)
  }
  const { quorum, ...rest } = draft
  if (quorum === undefined) {
    throw new PolicyError(
      0,
      'there is no quorum line; end it with `quorum <name>` or `quorum none`',
    )
  }
  if (quorum.name !== 'none' && !isDeclared(draft, quorum.name)) {
    throw new PolicyError(quorum.line, `declare ${quorum.name} before it is the quorum`)
  }
  return { ...rest, quorum: quorum.name === 'none' ? undefined : quorum.name }
}

function readLine(draft: Draft, line: number, [keyword = '', ...words]: string[]): void {
  if (keyword === 'log') readLog(draft, line, words)
  else if (keyword === 'witness') readWitness(draft, line, words)
  else if (keyword === 'group') readGroup(draft, line, words)
  else if (keyword === 'quorum') readQuorum(draft, line, words)
  else throw new PolicyError(line, 'a line begins with log, witness, group or quorum')
}

function readLog(draft: Draft, line: number, words: readonly string[]): void {
  const [vkey, url, ...rest] = words
  if (vkey === undefined || rest.length > 0) throw new PolicyError(line, 'write log <vkey> [<url>]')
  const verifier = keyOf(line, vkey, ED25519)
  draft.logs.push({ verifier, vkey, ...urlOf(line, url) })
  checkCount(draft, line)
}

function readWitness(draft: Draft, line: number, words: readonly string[]): void {
  const [name, vkey, url, ...rest] = words
  if (name === undefined || vkey === undefined || rest.length > 0) {
    throw new PolicyError(line, 'write witness <name> <vkey> [<url>]')
  }
  checkName(draft, line, name)
  const verifier = keyOf(line, vkey, COSIGNATURE)
  if (verifier.name.length > KEY_NAME_MAX) {
    throw new PolicyError(line, `the key's name is longer than ${KEY_NAME_MAX} characters`)
  }
  // One key under two names would count twice towards a quorum.
  const isTwin = (other: PolicyWitness) => other.verifier.publicKey.equals(verifier.publicKey)
  const twin = draft.witnesses.find(isTwin)
  if (twin !== undefined) {
    throw new PolicyError(line, `the key is that of ${twin.name}; name each witness once`)
  }
  draft.witnesses.push({ name, verifier, vkey, ...urlOf(line, url), line })
  checkCount(draft, line)
}

function readGroup(draft: Draft, line: number, words: readonly string[]): void {
  const [name, wanted, ...members] = words
  if (name === undefined || wanted === undefined || members.length === 0) {
    throw new PolicyError(line, 'write group <name> <threshold|any|all> <member> …')
  }
  checkName(draft, line, name)
  for (const [at, member] of members.entries()) {
    if (!isDeclared(draft, member)) {
      throw new PolicyError(line, `declare ${member} above the group that it is in`)
    }
    if (members.indexOf(member) !== at) throw new PolicyError(line, `name ${member} only once`)
    const other = [...draft.groups].find(([, group]) => group.members.includes(member))
    if (other !== undefined) {
      // C2SP tlog-policy, "Defining a witness group": otherwise one would count in several ways.
      throw new PolicyError(line, `${member} is in ${other[0]} already; name it in one group`)
    }
  }
  const threshold = wanted === 'any' ? 1 : wanted === 'all' ? members.length : digits(wanted)
  if (threshold < 1 || threshold > members.length) {
    throw new PolicyError(line, `the threshold is any, all, or from 1 to ${members.length}`)
  }
  draft.groups.set(name, { threshold, members })
  checkCount(draft, line)
}

function readQuorum(draft: Draft, line: number, [name, ...rest]: readonly string[]): void {
  if (name === undefined || rest.length > 0) throw new PolicyError(line, 'write quorum <name|none>')
  if (draft.quorum !== undefined) {
    throw new PolicyError(line, `line ${draft.quorum.line} says the quorum already; keep one`)
  }
  draft.quorum = { name, line }
}

function keyOf(line: number, vkey: string, type: Verifier['type']): Verifier {
  let verifier: Verifier
  try {
    verifier = parseVkey(vkey)
  } catch (fault) {
    const why = fault instanceof TypeError ? fault.message : 'the verifier key cannot be read'
    throw new PolicyError(line, `${why}; copy it whole`)
  }
  if (verifier.type === type) return verifier
  const wanted = type === COSIGNATURE ? "a witness's key, of type 4" : "a log's key, of type 1"
  throw new PolicyError(line, `the verifier key is of type ${verifier.type}; give ${wanted}`)
}

function urlOf(line: number, text: string | undefined): { url?: string } {
  if (text === undefined) return {}
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.search === '' && url.hash === ''
  if (!isPlain || !['http:', 'https:'].includes(url.protocol)) {
    throw new PolicyError(line, 'the URL must begin with http:// or https:// and hold no ? or #')
  }
  return { url: url.href.replace(/\/+$/, '') }
}

function checkName(draft: Draft, line: number, name: string): void {
  if (KEYWORDS.has(name)) throw new PolicyError(line, `${name} is a keyword; choose another name`)
  if (isDeclared(draft, name)) throw new PolicyError(line, `${name} is there twice; rename one`)
}

function checkCount({ logs, witnesses, groups }: Draft, line: number): void {
  if (logs.length + witnesses.length + groups.size <= POLICY_MEMBERS_MAX) return
  throw new PolicyError(
    line,
    `there are more than ${POLICY_MEMBERS_MAX} logs, witnesses and groups`,
  )
}

function isDeclared({ witnesses, groups }: Draft, name: string): boolean {
  return groups.has(name) || witnesses.some((witness) => witness.name === name)
}

function digits(text: string): number {
  return /^[1-9][0-9]?$/.test(text) ? Number(text) : 0
}

/**
 * Whether the witnesses that have cosigned, by their names in the policy, are enough. Looks at each
 * group once, however often it is a member: a member stands above its group.
 */
export function isQuorumMet(policy: Policy, cosigned: ReadonlySet<string>): boolean {
  const { witnesses, groups, quorum } = policy
  if (quorum === undefined) return true
  const met = new Set(witnesses.flatMap(({ name }) => (cosigned.has(name) ? [name] : [])))
  for (const [name, { members, threshold }] of groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name)
  }
  return met.has(quorum)
}
