-- An erasure takes the hashes over a payload with it that no salt is in: who knows the rest of an
-- intent would find a short payload by trying.

create function refuse_unerased_key() returns trigger language plpgsql
  set search_path = audit_ledger, pg_temp as $$
begin
  if new.intent_hash = decode(repeat('00', 32), 'hex')
     and (new.id, new.source, new.chain, new.seq, new.number, new.log_index)
         = (old.id, old.source, old.chain, old.seq, old.number, old.log_index)
     and exists (select from redactions where log_index = old.log_index) then
    return new;
  end if;
  raise exception 'change of %.% is refused: a hash is erased with its payload, or stays',
    tg_table_schema, tg_table_name using errcode = 'MU010';
end $$;

create function refuse_unerased_conflict() returns trigger language plpgsql
  set search_path = audit_ledger, pg_temp as $$
begin
  if new.sealed_hash = decode(repeat('00', 32), 'hex')
     and (new.id, new.source, new.occurred_at) = (old.id, old.source, old.occurred_at)
     and exists (select from event_keys key join redactions using (log_index)
                  where key.source = old.source and key.id = old.id) then
    return new;
  end if;
  raise exception 'change of %.% is refused: a hash is erased with its payload, or stays',
    tg_table_schema, tg_table_name using errcode = 'MU010';
end $$;

drop trigger written_once on event_keys;
drop trigger written_once on audit_chain_conflicts;
create trigger never_removed before delete or truncate on event_keys
  for each statement execute function refuse_change();
create trigger never_removed before delete or truncate on audit_chain_conflicts
  for each statement execute function refuse_change();
create trigger erased_with_redaction before update on event_keys
  for each row execute function refuse_unerased_key();
create trigger erased_with_redaction before update on audit_chain_conflicts
  for each row execute function refuse_unerased_conflict();
alter table event_keys enable always trigger never_removed;
alter table event_keys enable always trigger erased_with_redaction;
alter table audit_chain_conflicts enable always trigger never_removed;
alter table audit_chain_conflicts enable always trigger erased_with_redaction;

-- Takes the hashes of one event whose erasure is on record. What tells refused contents apart is
-- hashed once more, with something that nobody keeps: they stay as many as they were.
create function erase_hashes(erased_source text, erased_id uuid) returns void
  language sql volatile security definer
  set search_path = audit_ledger, pg_temp
  as $$
    update event_keys key set intent_hash = decode(repeat('00', 32), 'hex')
      from redactions
     where redactions.log_index = key.log_index
       and key.source = erased_source and key.id = erased_id;
    update audit_chain_conflicts conflict
       set sealed_hash = decode(repeat('00', 32), 'hex'),
           refused_hash = sha256(uuid_send(gen_random_uuid()) || refused_hash)
      from event_keys key join redactions using (log_index)
     where key.source = erased_source and key.id = erased_id
       and (conflict.source, conflict.id) = (key.source, key.id);
    update audit_chain_drops dropped
       set payload_hash = sha256(uuid_send(gen_random_uuid()) || payload_hash)
      from event_keys key join redactions using (log_index)
     where key.source = erased_source and key.id = erased_id
       and (dropped.source, dropped.id) = (key.source, key.id);
  $$;
revoke execute on function erase_hashes(text, uuid) from public;
grant execute on function erase_hashes(text, uuid) to mumega_audit_ledger;

-- What was erased before. It is no act of its own: each of these is on record.
select set_config('mumega.audited', 'on', true);
select erase_hashes(key.source, key.id) from redactions join event_keys key using (log_index);
