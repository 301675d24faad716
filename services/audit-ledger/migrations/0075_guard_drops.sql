-- A drop-record is resolved once, by an entry that can be the one that came after all; its
-- attempts count up, and its hash goes with an erasure. Nothing else of it changes, nor is one put
-- on record as resolved.

create function refuse_change_of_drop() returns trigger language plpgsql
  set search_path = audit_ledger, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    if new.resolved_at is null then return new; end if;
  elsif (new.drop_id, new.source, new.id, new.reason, new.occurred_at, new.log_size)
        is not distinct from
        (old.drop_id, old.source, old.id, old.reason, old.occurred_at, old.log_size) then
    if (new.resolved_at, new.resolved_index, new.payload_hash)
       is not distinct from (old.resolved_at, old.resolved_index, old.payload_hash)
       and new.attempts >= old.attempts then
      return new;
    end if;
    if old.resolved_at is null and new.resolved_at is not null
       and (new.attempts, new.payload_hash) = (old.attempts, old.payload_hash)
       and exists (select from event_keys key
                    where key.source = old.source and key.id = old.id
                      and key.log_index = new.resolved_index
                      and (key.log_index >= old.log_size or key.intent_hash = old.payload_hash))
       then
      return new;
    end if;
    if (new.resolved_at, new.resolved_index, new.attempts)
       is not distinct from (old.resolved_at, old.resolved_index, old.attempts)
       and exists (select from event_keys key join redactions using (log_index)
                    where key.source = old.source and key.id = old.id) then
      return new;
    end if;
  end if;
  raise exception '% of %.% is refused: a drop is resolved once by its entry, and stays as it is',
    tg_op, tg_table_schema, tg_table_name using errcode = 'MU010';
end $$;
create trigger resolved_once before insert or update on audit_chain_drops
  for each row execute function refuse_change_of_drop();
alter table audit_chain_drops enable always trigger resolved_once;
