import { expect, test } from '@jest/globals'
import { COSIGNATURE, generateVkey, signerFromSeed } from './note.ts'
import { isQuorumMet, parsePolicy, type PolicyError } from './policy.ts'

const log = signerFromSeed('log.example', Buffer.alloc(32, 1))
const LOG = generateVkey(log.name, log.publicKey)
const keyOf = (nth: number) => {
  const name = `w${nth}.example`
  const { publicKey } = signerFromSeed(name, Buffer.alloc(32, nth), COSIGNATURE)
  return generateVkey(name, publicKey, COSIGNATURE)
}
const [A, B, C] = [keyOf(2), keyOf(3), keyOf(4)]
const LONG = generateVkey(
  'x'.repeat(201),
  signerFromSeed('x', Buffer.alloc(32, 9), COSIGNATURE).publicKey,
  COSIGNATURE,
)
const THREE = `witness a ${A} https://a.example/w/\nwitness b ${B}\nwitness c ${C}\n`

function faultOf(text: string): string {
  try {
    parsePolicy(text)
    return 'taken'
  } catch (error) {
    if ((error as Error).name !== 'PolicyError') throw error
    return (error as PolicyError).message
  }
}

test('a policy is read line by line, with comments, blank lines and URLs', () => {
  const policy = parsePolicy(
    `# ours\nlog ${LOG} https://log.example/\n\n${THREE}\tgroup  g 2 a b c # two\r\nquorum g`,
  )

  expect(policy.logs.map(({ vkey, url }) => [vkey, url])).toEqual([[LOG, 'https://log.example']])
  expect(policy.witnesses.map(({ name, url, line }) => [name, url, line])).toEqual([
    ['a', 'https://a.example/w', 4],
    ['b', undefined, 5],
    ['c', undefined, 6],
  ])
  expect(policy.quorum).toBe('g')
})

test.each<[threshold: string, cosigned: string[], isMet: boolean]>([
  ['any', [], false],
  ['any', ['c'], true],
  ['2', ['a'], false],
  ['2', ['a', 'c'], true],
  ['all', ['a', 'b'], false],
  ['all', ['a', 'b', 'c'], true],
  ['2', ['a', 'x', 'y'], false],
])('a quorum of %s with %j cosigned is met: %s', (threshold, cosigned, isMet) => {
  const policy = parsePolicy(`${THREE}group g ${threshold} a b c\nquorum g\n`)
  expect(isQuorumMet(policy, new Set(cosigned))).toBe(isMet)
})

test('groups hold groups, a witness alone can be the quorum, and none asks for nobody', () => {
  const nested = parsePolicy(`${THREE}group bc any b c\ngroup g all a bc\nquorum g\n`)
  expect(isQuorumMet(nested, new Set(['b', 'c']))).toBe(false)
  expect(isQuorumMet(nested, new Set(['a', 'c']))).toBe(true)
  const alone = parsePolicy(`${THREE}quorum b\n`)
  expect(isQuorumMet(alone, new Set(['a', 'c']))).toBe(false)
  expect(isQuorumMet(alone, new Set(['b']))).toBe(true)
  expect(isQuorumMet(parsePolicy(`${THREE}quorum none\n`), new Set())).toBe(true)
})

test('a witness counts in one way only: it is in one group at most, and so is a group', () => {
  const two = `${THREE}group ab all a b\n`
  expect(faultOf(`${two}group bc all b c\nquorum bc\n`)).toMatch(
    /^line 5: b is in ab already; name it in one group/,
  )
  expect(faultOf(`${two}group g any ab c\ngroup h any ab\nquorum h\n`)).toMatch(
    /^line 6: ab is in g already/,
  )
})

test('each group is looked at once, however often a policy of another making names it', () => {
  const { witnesses } = parsePolicy(`${THREE}quorum none\n`)
  let looks = 0
  const groups = new Map(
    Array.from({ length: 42 }, (_, nth) => {
      const members =
        nth === 0 ? ['a', 'b'] : nth === 1 ? ['a', 'c'] : [`g${nth - 1}`, `g${nth - 2}`]
      const group = {
        get threshold() {
          looks += 1
          // Without this bound a failure would take years.
          if (looks > 1_000) throw new Error('the groups are looked at again and again')
          return 2
        },
        members,
      }
      return [`g${nth}`, group]
    }),
  )

  const policy = { logs: [], witnesses, groups, quorum: 'g41' }
  expect(isQuorumMet(policy, new Set(['a', 'b', 'c']))).toBe(true)
  expect(isQuorumMet(policy, new Set(['a', 'b']))).toBe(false)
  expect(looks).toBe(84)
})

test.each([
  ['', /^there is no quorum line; end it with/],
  [THREE, /^there is no quorum line/],
  ['nonsense a\n', /^line 1: a line begins with log, witness, group or quorum/],
  ['quorum a\n', /^line 1: declare a before it is the quorum/],
  [`${THREE}quorum a\nquorum b\n`, /^line 5: line 4 says the quorum already/],
  [`${THREE}quorum a b\n`, /^line 4: write quorum <name\|none>/],
  [`witness a\n`, /^line 1: write witness <name> <vkey> \[<url>\]/],
  [`witness a ${A} https://x y\n`, /^line 1: write witness/],
  [`witness a ${A} ftp://x\n`, /^line 1: the URL must begin with http/],
  [`witness a ${A} https://x?y\n`, /^line 1: the URL must begin with http/],
  [`witness a ${LONG}\n`, /^line 1: the key's name is longer than 200 characters/],
  [`witness any ${A}\n`, /^line 1: any is a keyword/],
  [`witness a ${A.slice(0, -4)}\n`, /^line 1: .*copy it whole/],
  [`witness a ${LOG}\n`, /^line 1: the verifier key is of type 1; give a witness's key, of type 4/],
  [`log ${A}\n`, /^line 1: the verifier key is of type 4; give a log's key, of type 1/],
  [`${THREE}witness a ${keyOf(5)}\n`, /^line 4: a is there twice/],
  [`${THREE}witness d ${A}\n`, /^line 4: the key is that of a; name each witness once/],
  [`${THREE}group g 2 a x\n`, /^line 4: declare x above the group/],
  [`${THREE}group g 2 a a\n`, /^line 4: name a only once/],
  [`${THREE}group g 0 a b\n`, /^line 4: the threshold is any, all, or from 1 to 2/],
  [`${THREE}group g 3 a b\n`, /^line 4: the threshold is any, all, or from 1 to 2/],
  [`${THREE}group g 1\n`, /^line 4: write group <name>/],
  [`${THREE}group g any g\n`, /^line 4: declare g above/],
  ['#'.repeat(65_537), /^the policy is longer than 65536 characters/],
  [
    Array.from({ length: 65 }, () => `log ${LOG}\n`).join(''),
    /^line 65: there are more than 64 logs, witnesses and groups/,
  ],
])('a policy that is wrong names the line and what to do: %#', (text, message) => {
  expect(faultOf(text)).toMatch(message)
})

test('one key under two names is one witness: it cannot be a quorum of two', () => {
  const { publicKey } = signerFromSeed('other.example', Buffer.alloc(32, 2), COSIGNATURE)
  const twin = generateVkey('other.example', publicKey, COSIGNATURE)
  expect(faultOf(`witness a ${A}\nwitness b ${twin}\n`)).toMatch(/^line 2: the key is that of a/)
})
