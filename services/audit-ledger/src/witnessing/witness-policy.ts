import { readFile } from 'node:fs/promises'
import { isUtf8 } from 'node:buffer'
import { parsePolicy, PolicyError, type Policy, type PolicyWitness } from '@mumega/tlog/policy'
import { policyUnusable } from '../errors.ts'

/** A witness that checkpoints are offered to. */
export interface Witness extends PolicyWitness {
  readonly url: string
}

export interface WitnessPolicy {
  readonly policy: Policy
  readonly witnesses: readonly Witness[]
}

/**
 * Reads which witnesses are asked, and how many must have cosigned.
 *
 * @throws audit-ledger.policy-unusable naming the line and the remedy: also where the file knows
 * other logs than that of `vkey`, or a witness without a submission URL
 */
export async function readWitnessPolicy(path: string, vkey: string): Promise<WitnessPolicy> {
  const policy = parse(await read(path))
  const { logs } = policy
  if (logs.length > 0 && logs.every((log) => log.vkey !== vkey)) {
    throw policyUnusable(`lists other logs than this one; add the line \`log ${vkey}\``)
  }
  if (policy.witnesses.length === 0) {
    throw policyUnusable('names no witness; add `witness <name> <vkey> <url>`, or unset it')
  }
  const witnesses = policy.witnesses.map((witness) => {
    const { url, line, name } = witness
    if (url !== undefined) return { ...witness, url }
    throw policyUnusable(`line ${line}: ${name} has no submission URL; write it behind the key`)
  })
  return { policy, witnesses }
}

async function read(path: string): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw policyUnusable('cannot be read; is it there, and readable by this user?', cause)
  }
  if (!isUtf8(bytes)) throw policyUnusable('is not UTF-8 text; write it anew')
  return bytes.toString()
}

function parse(text: string): Policy {
  try {
    return parsePolicy(text)
  } catch (fault) {
    if (fault instanceof PolicyError) throw policyUnusable(`is wrong: ${fault.message}`, fault)
    throw fault
  }
}
