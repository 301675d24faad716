-- What is put on record beside an erasure finds it, or is found by it: both hold the event's key.

-- Holds the keys of these events, and tells which of the events are erased.
create function erased_among(sources text[], ids uuid[]) returns table (source text, id uuid)
  language plpgsql volatile security definer
  set search_path = audit_ledger, pg_temp
  as $$
begin
  perform from event_keys key
    where (key.source, key.id) in (select * from unnest(sources, ids))
    order by key.source, key.id for share;
  -- A statement of its own: it sees an erasure that was waited for.
  return query
    select key.source, key.id from event_keys key join redactions using (log_index)
     where (key.source, key.id) in (select * from unnest(sources, ids));
end $$;
revoke execute on function erased_among(text[], uuid[]) from public;
grant execute on function erased_among(text[], uuid[]) to mumega_audit_ledger;

-- An older leader, which may lead still, erases by this alone: the hashes go with the payload now,
-- whoever asks.
create or replace function erase_payload(erased bigint) returns void
  language sql volatile security definer
  set search_path = audit_ledger, pg_temp
  as $$
    update payload_batches batch
       set salts = overlay(salts placing decode(repeat('00', 32), 'hex')
                           from (32 * (erased - first_index) + 1)::int for 32),
           payloads = overlay(payloads placing ''::bytea
                              from offset_at(offsets, erased - first_index) + 1
                              for offset_at(offsets, erased - first_index + 1)
                                  - offset_at(offsets, erased - first_index)),
           offsets = (
             select string_agg(int4send(
                      offset_at(batch.offsets, nth)
                      - case when nth > erased - batch.first_index
                             then offset_at(batch.offsets, erased - batch.first_index + 1)
                                  - offset_at(batch.offsets, erased - batch.first_index)
                             else 0 end), ''::bytea order by nth)
               from generate_series(0, octet_length(batch.offsets) / 4 - 1) as nth)
     where first_index = (select max(first_index) from payload_batches where first_index <= erased);
    select erase_hashes(key.source, key.id) from event_keys key where key.log_index = erased;
  $$;

-- What was erased before. It is no act of its own: each of these is on record.
select set_config('mumega.audited', 'on', true);
select erase_hashes(key.source, key.id) from redactions join event_keys key using (log_index);
