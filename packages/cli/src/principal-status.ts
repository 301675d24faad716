import {
  getPrincipal,
  listPrincipals,
  Principal,
  suspendPrincipal,
} from '@mumega/contracts/principals'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import type { Command, Outcome } from './command.ts'
import type { Config } from './config.ts'
import { printableJson } from './printable.ts'
import { readForm } from './read-form.ts'
import { done, linesText, tableText } from './table.ts'

const READS = anyTokenWith('objectives:read')
const WORDS = { principalId: 'a principal' } as const

/** Who the principals are, with the keys that count now. There are few: it is one page. */
export async function listAll(args: readonly string[], config: Config): Promise<Outcome> {
  const { url, json } = readForm(args, { fields: {} })
  const { reply } = listPrincipals
  const asked = { path: '/v1/principals', url, reply, what: 'no principals', needs: READS }
  const all = await askGateway(asked, config)
  const text = tableText(
    { rows: all.principals, next: undefined },
    {
      STATUS: (row) => row.status,
      KEY: ({ key }) => String(key.number),
      // It names the principal.
      VKEY: ({ key }) => key.vkey,
      NAME: (row) => row.displayName,
    },
  )
  return done(all, { json, text })
}

/** A principal with every key that it ever had. */
export async function showOne(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, { fields: getPrincipal.request.properties, words: WORDS })
  const path = `/v1/principals/${fields.principalId}`
  const asked = { path, url, reply: getPrincipal.reply, what: 'no principal', needs: READS }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}

/** The verb by which nothing that a principal signs counts, or counts again. */
export function changeStatus(change: 'suspend' | 'reinstate'): Command['run'] {
  return async (args, config) => {
    const { principalId, reason } = suspendPrincipal.request.properties
    const { fields, url, json } = readForm(args, {
      fields: { principalId, reason },
      words: WORDS,
      options: { reason: 'reason' },
    })
    const changed = await askGateway(
      {
        path: `/v1/principals/${fields.principalId}/${change}`,
        ...{ url, body: { reason: fields.reason }, reply: Principal, what: 'no principal' },
        needs: 'an operator’s token with the scope principals:write',
      },
      config,
    )
    const text = linesText([`${changed.principalId} is ${changed.status}`])
    return done(changed, { json, text })
  }
}
