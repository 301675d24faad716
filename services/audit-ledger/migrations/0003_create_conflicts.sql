-- The same (source, id) arrived with other bytes. The first entry stands; this one was refused.

create table audit_chain_conflicts (
  source       text        collate "C" not null,
  id           uuid        not null,
  sealed_hash  bytea       not null check (octet_length(sealed_hash) = 32),
  refused_hash bytea       not null check (octet_length(refused_hash) = 32),
  occurred_at  timestamptz not null,
  -- A conflict that is delivered again is the same one.
  primary key (source, id, refused_hash)
);
select mumega_audited('audit_chain_conflicts');
grant select, insert on audit_chain_conflicts to mumega_audit_ledger;
