-- An outcome closes an intent of its own producer: before, any producer's outcome in the chain did.
insert into open_intents (id, source, chain, log_index, occurred_at)
select id, source, chain, log_index, occurred_at from entry_index intent
 where phase = 'intent'
   and not exists (select from entry_index outcome
                    where outcome.closes = intent.id and outcome.chain = intent.chain
                      and outcome.source = intent.source)
    on conflict do nothing;
