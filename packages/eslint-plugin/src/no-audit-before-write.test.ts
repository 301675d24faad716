import * as parser from '@typescript-eslint/parser'
import { RuleTester, type Rule } from 'eslint'
import { noAuditBeforeWrite } from './no-audit-before-write.ts'

const tester = new RuleTester({ languageOptions: { parser, sourceType: 'module' } })
// ESLint's own types describe a rule over plain JavaScript's tree; this one reads TypeScript's.
const rule = noAuditBeforeWrite as unknown as Rule.RuleModule

const IMPORTS = `
  import type { Knex } from 'knex'
  import { act, outgoing, unchanged, type Outcome } from '@mumega/db/act'
  import { auditAppend } from '@mumega/contracts/audit'
  import { append } from '@mumega/contracts/audit-ledger'
  import { findWallet, getOrCreateWallet, insertWallet, lockWallet, prepare } from './wallets.ts'
`
const RECORD = `{ action: 'wallet.opened', target: 'wallet:1', payload: {} }`

/** A file in which one act runs a change with this body. */
function change(body: string): string {
  return `${IMPORTS}
    export async function open(db: Knex, bus: Bus) {
      return act(db, { context, clock }, async (trx) => { ${body} })
    }`
}

const AUDITED = `return { reply: 1, audit: [${RECORD}], events: [] }`
const QUIET = 'return { reply: 1, audit: [], events: [] }'

const valid: Record<string, string> = {
  'a record after an awaited write': change(`await insertWallet(trx, 1); ${AUDITED}`),
  'a record after a write with the query builder': change(
    `await trx('wallets').where({ id: 1 }).update({ cents: 2 }).returning('*'); ${AUDITED}`,
  ),
  'a record after a write in SQL': change(
    `await trx.raw('with gone as (delete from wallets) select 1'); ${AUDITED}`,
  ),
  'a record after every write of a list': change(
    `await Promise.all([insertWallet(trx, 1), insertWallet(trx, 2)]); ${AUDITED}`,
  ),
  'a write that is awaited by its name': change(
    `const written = insertWallet(trx, 1); await written; ${AUDITED}`,
  ),
  'a write in both branches': change(
    `if (await findWallet(trx, 1)) await trx('wallets').update({ cents: 1 })
     else await insertWallet(trx, 1)
     ${AUDITED}`,
  ),
  'no record where nothing was written': change(`const wallet = await findWallet(trx, 1)
     if (wallet) return unchanged(wallet)
     await insertWallet(trx, 1); ${AUDITED}`),
  'an empty list of records without a write': change(QUIET),
  'either an empty list or a write first': change(
    `const isNew = await trx('wallets').insert({}).onConflict().ignore(); ${AUDITED}`,
  ),
  'a read that is not awaited yet': change(
    `const wallet = findWallet(trx, 1); await insertWallet(trx, await wallet); ${AUDITED}`,
  ),
  'a repository, as an object': change(`await wallets.insertWallet(trx, 1); ${AUDITED}`),
  'a function that only its effect tells from a read': change(
    `await getOrCreateWallet(trx, 1); ${AUDITED}`,
  ),
  'a transaction handed over in an object': change(`await prepare({ trx, id: 1 }); ${AUDITED}`),
  'a write inside the expression that makes the reply': change(
    `return { reply: await insertWallet(trx, 1), audit: [${RECORD}], events: [] }`,
  ),
  'a function of the same file that writes': `${change(`await checkedIn(trx); ${AUDITED}`)}
    async function checkedIn(trx: Knex.Transaction) { await trx('wallets').insert({}) }`,
  'a function inside the change that writes': change(
    `const insertOne = async () => { await trx('wallets').insert({}) }
     await insertOne(); ${AUDITED}`,
  ),
  'many writes at once, all waited for': change(
    `await insertWallet(trx, 0)
     await Promise.all(rows.map(async (row) => { await insertWallet(trx, row) })); ${AUDITED}`,
  ),
  'a savepoint that writes': change(
    `await trx.transaction(async (inner) => { await insertWallet(inner, 1) }); ${AUDITED}`,
  ),
  'a change that is written apart': `${IMPORTS}
    const open = async (trx: Knex.Transaction) => { await insertWallet(trx, 1); ${AUDITED} }
    export const run = (db: Knex) => act(db, { context, clock }, open)`,
  'a change made by a function': `${IMPORTS}
    function opening(id: string) {
      return async (trx: Knex.Transaction) => { await insertWallet(trx, id); ${AUDITED} }
    }
    export const run = (db: Knex) => act(db, { context, clock }, opening('1'))`,
  'a change that another function makes': `${IMPORTS}
    export const run = (db: Knex) => act(db, options, (trx) => openIn(trx))
    async function openIn(trx: Knex.Transaction) { await insertWallet(trx, 1); ${AUDITED} }`,
  'an imported function that makes the outcome': `${IMPORTS}
    export const run = (db: Knex) => act(db, options, (trx) => prepare(trx))`,
  'another `act` than the database package': `
    import { act } from './theatre.ts'
    import { scene } from './scenes.ts'
    act(db, {}, scene)`,
  'the table of somebody else': `${IMPORTS} export const rows = (trx) => trx('outboxes').select()`,
  'a service that hears the intents': `bus.consume(auditAppend('*'), 'audit-ledger', seal)`,
  'an entry appended after the act': `${IMPORTS}
    export async function open(db: Knex, bus: Bus) {
      await act(db, options, async (trx) => { await insertWallet(trx, 1); ${AUDITED} })
      await bus.request(append, {}, { context })
    }`,
  'a trigger body that only looks like a write': change(
    `await trx.raw('select 1 from wallets for update'); await insertWallet(trx, 1); ${AUDITED}`,
  ),
}

const invalid: Record<string, [code: string, messageId: string]> = {
  'a record without any write': [change(AUDITED), 'auditBeforeWrite'],
  'a record after a read only': [
    change(`await findWallet(trx, 1); await lockWallet(trx, 1); ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'a record after a query that only reads': [
    change(`await trx('wallets').where({ id: 1 }).forUpdate().first(); ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'a record after SQL that only reads': [
    change(`await trx.raw('select * from wallets for update'); ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'a record where one branch has not written': [
    change(`if (request.isNew) await insertWallet(trx, 1)
     ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'a record before the write': [
    change(`if (request.isOld) ${AUDITED}
     await insertWallet(trx, 1); ${QUIET}`),
    'auditBeforeWrite',
  ],
  'a record after a loop that may not run': [
    change(`for (const id of ids) await insertWallet(trx, id)
     ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'a record after a write that failed': [
    change(`try { await insertWallet(trx, 1) } catch (error) { log(error) }
     ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'a record after a short-circuited write': [
    change(`request.isNew && (await insertWallet(trx, 1)); ${AUDITED}`),
    'auditBeforeWrite',
  ],
  'records that cannot be counted here': [
    change(`const audit = recordsOf(request); return { reply: 1, audit, events: [] }`),
    'auditBeforeWrite',
  ],
  'an outcome that was made elsewhere': [change(`return outcomeOf(request)`), 'auditBeforeWrite'],
  'an outcome spread from another': [change(`return { ...base, reply: 1 }`), 'auditBeforeWrite'],
  'a record in one of two results': [
    change(`return isNew ? { reply: 1, audit: [${RECORD}], events: [] } : unchanged(1)`),
    'auditBeforeWrite',
  ],
  'a change without a transaction': [
    `${IMPORTS} act(db, {}, async () => ({ reply: 1, audit: [${RECORD}], events: [] }))`,
    'auditBeforeWrite',
  ],
  'a change that is written apart': [
    `${IMPORTS}
     async function open(trx: Knex.Transaction) { ${AUDITED} }
     export const run = (db: Knex) => act(db, { context, clock }, open)`,
    'auditBeforeWrite',
  ],
  'an outcome whose act is in another file': [
    `${IMPORTS}
     export async function open(trx: Knex.Transaction, id: string): Promise<Outcome<number>> {
       return outcomeOf(id)
     }`,
    'auditBeforeWrite',
  ],
  'an outcome that only its shape shows': [
    `${IMPORTS} export const open = async (trx) => { ${AUDITED} }`,
    'auditBeforeWrite',
  ],
  'a function of the same file that only reads, whatever its name': [
    `${change(`await insertIfOpen(trx); ${AUDITED}`)}
     async function insertIfOpen(trx: Knex.Transaction) { await trx('wallets').first() }`,
    'auditBeforeWrite',
  ],
  'a write of which only the fastest is waited for': [
    change(`await insertWallet(trx, 0)
     await Promise.race([insertWallet(trx, 1), timeout]); ${AUDITED}`),
    'floatingWrite',
  ],
  'a write that nobody awaits': [
    change(`await insertWallet(trx, 1); insertWallet(trx, 2); ${AUDITED}`),
    'floatingWrite',
  ],
  'a write thrown away with void': [
    change(`await insertWallet(trx, 1); void insertWallet(trx, 2); ${AUDITED}`),
    'floatingWrite',
  ],
  'a write whose name nobody awaits': [
    change(`await insertWallet(trx, 1); const second = insertWallet(trx, 2); ${AUDITED}`),
    'floatingWrite',
  ],
  'a query that is never sent': [
    change(`await insertWallet(trx, 1); trx('wallets').update({ cents: 1 }); ${AUDITED}`),
    'floatingWrite',
  ],
  'writes in a forEach': [
    change(`await insertWallet(trx, 1)
     rows.forEach(async (row) => { await insertWallet(trx, row) }); ${AUDITED}`),
    'floatingWrite',
  ],
  'writes in a map that nobody awaits': [
    change(`await insertWallet(trx, 1)
     rows.map((row) => insertWallet(trx, row)); ${AUDITED}`),
    'floatingWrite',
  ],
  'a write later': [
    change(`await insertWallet(trx, 1)
     setTimeout(() => insertWallet(trx, 2), 10); ${AUDITED}`),
    'floatingWrite',
  ],
  'a write through the pool': [
    change(`await insertWallet(trx, 1); await insertWallet(db, 2); ${AUDITED}`),
    'foreignHandle',
  ],
  'a query through the pool': [
    change(`await insertWallet(trx, 1); await db('wallets').update({}); ${AUDITED}`),
    'foreignHandle',
  ],
  'a write through the pool that is part of an object': [
    `${IMPORTS} act(service.db, {}, async (trx) => {
       await insertWallet(trx, 1); await insertWallet(service.db, 2); ${AUDITED}
     })`,
    'foreignHandle',
  ],
  'a write through a pool that only its type shows': [
    `${IMPORTS}
     export async function open(trx: Knex.Transaction, pool: Knex): Promise<Outcome<number>> {
       await insertWallet(trx, 1); await insertWallet(pool, 2); ${AUDITED}
     }`,
    'foreignHandle',
  ],
  'an act inside an act': [
    change(`await insertWallet(trx, 1)
     await act(db, options, async (trx) => { ${QUIET} }); ${AUDITED}`),
    'nestedAct',
  ],
  'an act inside an act, by a function': [
    `${change(`await insertWallet(trx, 1); await close(request); ${AUDITED}`)}
     const close = (request) => act(request.pool, options, async (trx) => { ${QUIET} })`,
    'nestedAct',
  ],
  'a change that cannot be seen': [
    `${IMPORTS} import { open } from './open.ts'; act(db, {}, open)`,
    'hiddenChange',
  ],
  'an act under another name': [
    `${IMPORTS} const perform = act; perform(db, {}, async (trx) => { ${QUIET} })`,
    'hiddenAct',
  ],
  'an event put into the outbox by hand': [
    `${IMPORTS} export const put = (trx) => trx('outbox').insert({})`,
    'outboxTouched',
  ],
  'an event put into the outbox of a schema': [
    `${IMPORTS} export const put = (trx) => trx.insert({}).into('bridge.outbox')`,
    'outboxTouched',
  ],
  'an event put into the outbox in SQL': [
    `${IMPORTS} export const put = (trx) => trx.raw('insert into outbox default values')`,
    'outboxTouched',
  ],
  'an intent published by hand': [
    `${IMPORTS} bus.publish(auditAppend('bridge'), {}, { messageId })`,
    'auditPublished',
  ],
  'an intent published by its subject': [
    'connection.publish(`aud.${service}.v1.append`, bytes)',
    'auditPublished',
  ],
  'an intent put among the events': [
    change(`await insertWallet(trx, 1)
     return { reply: 1, audit: [], events: [outgoing(auditAppend('bridge'), {})] }`),
    'auditPublished',
  ],
  'an entry appended inside the change': [
    change(`await insertWallet(trx, 1); await bus.request(append, {}, { context }); ${AUDITED}`),
    'appendBeforeWrite',
  ],
  'an entry appended before the act': [
    `${IMPORTS}
     export async function open(db: Knex, bus: Bus) {
       if (request.isLarge) await bus.request(append, {}, { context })
       return act(db, options, async (trx) => { await insertWallet(trx, 1); ${AUDITED} })
     }`,
    'appendBeforeWrite',
  ],
}

tester.run('no-audit-before-write', rule, {
  valid: [
    ...Object.entries(valid).map(([name, code]) => ({ name: `allows ${name}`, code })),
    {
      name: 'allows the database package its own outbox',
      options: [{ direct: 'allowed' }],
      code: `trx('outbox').insert({}); bus.publish(auditAppend('bridge'), {})`,
    },
  ],
  invalid: Object.entries(invalid).map(([name, [code, messageId]]) => ({
    name: `refuses ${name}`,
    code,
    errors: [{ messageId }],
  })),
})
