-- The ledgers that run on this database, each with what it is made of, so that a difference
-- between two of them is seen before one replaces the other.
create table ledger_instances (
  instance_id    uuid        primary key,
  version        text        not null check (length(version) <= 100),
  -- SHA-256, in hex, over the settings that every instance must share.
  config_hash    text        not null check (length(config_hash) = 64),
  schema_version text        not null check (length(schema_version) <= 100),
  started_at     timestamptz not null default clock_timestamp(),
  -- By the database's clock.
  seen_at        timestamptz not null default clock_timestamp()
);
grant select, insert, update (seen_at), delete on ledger_instances to mumega_audit_ledger;
