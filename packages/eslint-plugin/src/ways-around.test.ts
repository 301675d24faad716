import { AUDITED, IMPORTS, QUIET, change, judge, type Cases } from './given.ts'

const valid: Cases['valid'] = {
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
  'a read that is not awaited yet': change(
    `const wallet = findWallet(trx, 1); await insertWallet(trx, await wallet); ${AUDITED}`,
  ),
  'many writes at once, all waited for': change(
    `await insertWallet(trx, 0)
     await Promise.all(rows.map(async (row) => { await insertWallet(trx, row) })); ${AUDITED}`,
  ),
  'the database package its own outbox': {
    code: `trx('outbox').insert({}); bus.publish(auditAppend('bridge'), {})`,
    direct: 'allowed',
  },
}

const invalid: Cases['invalid'] = {
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

judge('there is no way around `act`', { valid, invalid })
