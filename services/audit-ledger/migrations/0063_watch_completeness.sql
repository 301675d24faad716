-- Whether all is there that should be: kept by the projection, in the transaction that moves it.

-- The numbers of each producer's intents that are in the log. What lies between them is missing.
create table source_numbers (
  source   text          collate "C" primary key,
  seen     int8multirange not null,
  -- Missing numbers that are no longer told one by one, because there were too many.
  given_up bigint        not null default 0 check (given_up >= 0)
);

-- Intents whose outcome is not in the log.
create table open_intents (
  id          uuid        not null,
  source      text        collate "C" not null,
  chain       text        collate "C" not null,
  log_index   bigint      not null check (log_index >= 0),
  occurred_at timestamptz not null,
  primary key (id, source)
);
create index open_intents_oldest on open_intents (occurred_at, id);
create index entry_index_closes on entry_index (closes) where closes is not null;

-- How far the log is counted. A former version of the ledger, which may lead still, moves
-- `indexed_size` alone: what it projects is counted by the next leader. First, for the lock.
alter table entry_index_progress
  add column counted_size bigint not null default 0 check (counted_size >= 0);
update entry_index_progress set counted_size = indexed_size;

-- What was sealed before this table stood; neighbouring numbers are one range.
insert into source_numbers (source, seen)
select source, range_agg(int8range(first, last, '[]'))
  from (select source, min(number) as first, max(number) as last
          from (select source, number,
                       number - dense_rank() over (partition by source order by number) as island
                  from event_keys) numbered
         group by source, island) islands
 group by source;
insert into open_intents (id, source, chain, log_index, occurred_at)
select id, source, chain, log_index, occurred_at from entry_index intent
 where phase = 'intent'
   and not exists (select from entry_index outcome
                    where outcome.closes = intent.id and outcome.chain = intent.chain);

grant update (counted_size) on entry_index_progress to mumega_audit_ledger;
grant select, insert, update on source_numbers to mumega_audit_ledger;
grant select, insert, delete on open_intents to mumega_audit_ledger;
