-- The entry of a conflict commits to both hashes with a salt, which goes with an erasure: what the
-- log says does not tell a short payload to who tries. Null for those from before, whose entries
-- name the hashes.
alter table audit_chain_conflicts
  add column salt bytea check (octet_length(salt) = 32);

create or replace function erase_hashes(erased_source text, erased_id uuid) returns void
  language sql volatile security definer
  set search_path = audit_ledger, pg_temp
  as $$
    update event_keys key set intent_hash = decode(repeat('00', 32), 'hex')
      from redactions
     where redactions.log_index = key.log_index
       and key.source = erased_source and key.id = erased_id;
    update audit_chain_conflicts conflict
       set sealed_hash = decode(repeat('00', 32), 'hex'), salt = null,
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
