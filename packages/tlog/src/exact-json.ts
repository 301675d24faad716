// Characters of a key or number that a message shows: enough to find it in the text.
const SHOWN_MAX = 40

/**
 * Reads JSON that says one thing only: no object has a key twice, and every number is exactly the
 * one that JavaScript makes of it. Without that, a person would read another text than was hashed.
 *
 * @throws SyntaxError when it is not JSON, TypeError naming the key or the number otherwise
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  checkTokens(text)
  return value
}

// The text is known to be JSON here, so that a token is told by its first character, and a key by
// the colon after it.
function checkTokens(text: string): void {
  const keysOfOpen: (Set<string> | undefined)[] = []
  let at = 0
  while (at < text.length) {
    const first = text.charAt(at)
    let end = at + 1
    if (first === '"') {
      end = endOfString(text, at)
      if (isColonNext(text, end)) checkKey(text.slice(at, end), keysOfOpen.at(-1))
    } else if (/[-\d]/.test(first)) {
      end = endOfNumber(text, at)
      checkNumber(text.slice(at, end))
    } else if (first === '{') keysOfOpen.push(new Set())
    // An array has no keys; a megabyte of open ones would take a hundred megabytes of sets.
    else if (first === '[') keysOfOpen.push(undefined)
    else if (first === '}' || first === ']') keysOfOpen.pop()
    at = end
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1
  return at + 1
}

function endOfNumber(text: string, start: number): number {
  let at = start
  while (/[-+.\deE]/.test(text.charAt(at))) at += 1
  return at
}

function isColonNext(text: string, start: number): boolean {
  let at = start
  while (/[ \t\r\n]/.test(text.charAt(at))) at += 1
  return text.charAt(at) === ':'
}

function checkKey(token: string, keys: Set<string> | undefined): void {
  // Compared as parsed, since an escape spells the same key in another way.
  const key = JSON.parse(token) as string
  if (keys?.has(key) === true) throw new TypeError(`the key ${shown(token)} stands there twice`)
  keys?.add(key)
}

function checkNumber(token: string): void {
  const value = Number(token)
  if (Number.isFinite(value) && decimal(token) === decimal(String(value))) return
  throw new TypeError(`the number ${shown(token)} is not exact`)
}

/** One spelling for each decimal value: its digits without outer zeros, and the power of ten. */
function decimal(token: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(token) ?? []
  const digits = whole + fraction
  // Not by a regular expression, which takes quadratic time to find the end of zeros.
  let end = digits.length
  while (digits.charAt(end - 1) === '0') end -= 1
  const significant = digits.slice(0, end).replace(/^0+/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(power) - fraction.length + digits.length - end}`
}

function shown(token: string): string {
  return token.length > SHOWN_MAX ? `${token.slice(0, SHOWN_MAX)}…` : token
}
