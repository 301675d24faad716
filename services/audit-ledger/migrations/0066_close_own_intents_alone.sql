-- What 0065 opened may have been closed while it read: a projection beside it was not waited for.
-- With the progress held nothing is projected, and the index tells what is open.
lock table entry_index_progress in share row exclusive mode;
delete from open_intents intent
 where exists (select from entry_index outcome
                where outcome.closes = intent.id and outcome.chain = intent.chain
                  and outcome.source = intent.source);
insert into open_intents (id, source, chain, log_index, occurred_at)
select id, source, chain, log_index, occurred_at from entry_index intent
 where phase = 'intent'
   and not exists (select from entry_index outcome
                    where outcome.closes = intent.id and outcome.chain = intent.chain
                      and outcome.source = intent.source)
    on conflict do nothing;
