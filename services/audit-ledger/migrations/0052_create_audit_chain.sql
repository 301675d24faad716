-- Anchors: the log's signed state after each 256 events exactly. Drops: what could not be chained,
-- and why.

create table audit_chain_anchors (
  anchor      bigint      primary key check (anchor >= 1),
  from_index  bigint      not null check (from_index = 256 * (anchor - 1)),
  to_index    bigint      not null check (to_index = 256 * anchor - 1),
  -- Of the whole log, whose size is 256 × anchor.
  root        bytea       not null check (octet_length(root) = 32),
  note        text        not null,
  -- Anchors are linked: SHA-256(previous anchor's hash ‖ note); 32 zero bytes before the first.
  previous_hash bytea     not null unique check (octet_length(previous_hash) = 32),
  hash        bytea       not null unique check (octet_length(hash) = 32),
  signed_at   timestamptz not null
);
select write_once('audit_chain_anchors');
grant select, insert on audit_chain_anchors to mumega_audit_ledger;

create table audit_chain_drops (
  drop_id        uuid        primary key,
  source         text        collate "C" not null,
  -- Absent when the bytes could not be read that far.
  id             uuid,
  reason         text        not null check (length(reason) <= 500),
  attempts       integer     not null check (attempts >= 1),
  payload_hash   bytea       not null check (octet_length(payload_hash) = 32),
  occurred_at    timestamptz not null,
  resolved_at    timestamptz,
  resolved_index bigint,
  check ((resolved_at is null) = (resolved_index is null)),
  -- A message that is delivered again is the same drop.
  unique nulls not distinct (source, id, payload_hash)
);
create index audit_chain_drops_open on audit_chain_drops (source, id) where resolved_at is null;
create index audit_chain_drops_newest on audit_chain_drops (occurred_at, drop_id);
create function refuse_removal() returns trigger language plpgsql as $$
begin
  raise exception '% of %.% is refused: a drop is resolved, never removed',
    tg_op, tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $$;
create trigger never_removed before delete or truncate on audit_chain_drops
  for each statement execute function refuse_removal();
alter table audit_chain_drops enable always trigger never_removed;
grant select, insert, update (attempts, resolved_at, resolved_index) on audit_chain_drops
  to mumega_audit_ledger;
