import { AUDITED, IMPORTS, QUIET, RECORD, change, judge, type Cases } from './given.ts'

const valid: Cases['valid'] = {
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
  'records collected after the writes that they speak of': change(
    `const audit: AuditRecord[] = []
     for (const row of rows) {
       if (await insertWallet(trx, row)) audit.push(${RECORD})
     }
     return { reply: 1, audit, events: [] }`,
  ),
  'a change that gives up': change(`return Promise.reject(new Error('given up'))`),
  'a promise of nothing': change(`return Promise.resolve(unchanged(1))`),
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
  'a trigger body that only looks like a write': change(
    `await trx.raw('select 1 from wallets for update'); await insertWallet(trx, 1); ${AUDITED}`,
  ),
}

const invalid: Cases['invalid'] = {
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
  'a record collected before the write that it speaks of': [
    change(`const audit = []
     for (const row of rows) {
       audit.push(${RECORD})
       await insertWallet(trx, row)
     }
     return { reply: 1, audit, events: [] }`),
    'auditBeforeWrite',
  ],
  'a record collected by another function': [
    change(`const audit = []
     collect(audit, request)
     return { reply: 1, audit, events: [] }`),
    'auditBeforeWrite',
  ],
  'a promise of a record': [
    change(`return Promise.resolve({ reply: 1, audit: [${RECORD}], events: [] })`),
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
}

judge('an audit record comes after its write', { valid, invalid })
