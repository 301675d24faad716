-- Erasure: the payload and the salt behind an entry are removed, the entry stays, and a signed
-- entry says who erased it and why. Without the salt nobody can find the payload by trying.

create table redactions (
  log_index    bigint      primary key check (log_index >= 0),
  -- Of the entry that tells of it: source `audit-ledger`, this id.
  redaction_id uuid        not null unique,
  reason       text        not null check (octet_length(reason) between 1 and 500),
  legal_basis  text        not null check (octet_length(legal_basis) between 1 and 200),
  redacted_by  text        not null,
  redacted_at  timestamptz not null,
  -- The transaction that erases: only there may the payload change.
  redacted_in  xid8        not null default pg_current_xact_id()
);
select write_once('redactions');
select mumega_audited('redactions');
grant select on redactions to mumega_audit_ledger;
grant insert (log_index, redaction_id, reason, legal_basis, redacted_by, redacted_at)
  on redactions to mumega_audit_ledger;

create function refuse_unredacted() returns trigger language plpgsql as $$
begin
  if exists (select from redactions
              where redacted_in = pg_current_xact_id()
                and log_index >= new.first_index
                and log_index < new.first_index + octet_length(new.offsets) / 4 - 1)
     and new.first_index = old.first_index then
    return new;
  end if;
  raise exception 'change of %.% is refused: a payload is erased with a redaction, or stays',
    tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $$;
create trigger erased_with_redaction before update on payload_batches
  for each row execute function refuse_unredacted();
alter table payload_batches enable always trigger erased_with_redaction;
create trigger never_removed before delete or truncate on payload_batches
  for each statement execute function refuse_change();
alter table payload_batches enable always trigger never_removed;

-- Takes the payload of one entry out of its batch, and puts zeros in place of its salt. The
-- service itself may change no payload: this runs as the owner, and the trigger asks for the
-- redaction of this very transaction.
create function erase_payload(erased bigint) returns void
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
     where first_index = (select max(first_index) from payload_batches where first_index <= erased)
  $$;
revoke execute on function erase_payload(bigint) from public;
grant execute on function erase_payload(bigint) to mumega_audit_ledger;
