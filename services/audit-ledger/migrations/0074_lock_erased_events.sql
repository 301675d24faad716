-- A key holds only what is sealed: an event that is sealed and erased while a drop of it is put on
-- record was not held, and the drop kept its hash. A lock of the event's name holds both.

-- One of 64 locks, so that a batch of records takes no more; who shares one waits for nothing but
-- the other's commit. The first number tells them from everybody else's.
create function erasure_lock(event_source text, event_id uuid) returns integer
  language sql immutable strict
  return (hashtextextended(event_source || ' ' || event_id::text, 0) & 63)::integer;

-- Keeps these events from being erased until the transaction ends, and tells which of them are.
create or replace function erased_among(sources text[], ids uuid[])
  returns table (source text, id uuid)
  language plpgsql volatile security definer
  set search_path = audit_ledger, pg_temp
  as $$
begin
  -- All in one order, so that nobody waits in a circle.
  perform pg_advisory_xact_lock_shared(x'6d756c65'::int, place)
    from (select distinct erasure_lock(name, event) as place
            from unnest(sources, ids) as named (name, event) order by place) as places;
  -- A statement of its own: it sees an erasure that was waited for.
  return query
    select key.source, key.id from event_keys key join redactions using (log_index)
     where (key.source, key.id) in (select * from unnest(sources, ids));
end $$;

create or replace function erase_hashes(erased_source text, erased_id uuid) returns void
  language sql volatile security definer
  set search_path = audit_ledger, pg_temp
  as $$
    select pg_advisory_xact_lock(x'6d756c65'::int, erasure_lock(erased_source, erased_id));
    -- Statements of their own: they see what was put on record by whom this waited for.
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

-- What overlapped before. It is no act of its own: each of these is on record.
select set_config('mumega.audited', 'on', true);
update audit_chain_drops dropped
   set payload_hash = sha256(uuid_send(gen_random_uuid()) || payload_hash)
  from event_keys key join redactions using (log_index)
 where (dropped.source, dropped.id) = (key.source, key.id)
   and payload_hash <> decode(repeat('00', 32), 'hex');
