-- Of several ledgers on one database one leads. Its lease stands in the row that every commit
-- locks, beside the epoch: whoever takes the lease raises the epoch in the same statement, and what
-- a former leader commits later finds another epoch and writes nothing.
alter table log_head
  add leader           uuid,
  -- By the database's clock.
  add lease_expires_at timestamptz not null default '-infinity',
  -- The leader's own: the others may be told another one.
  add lease_ms         integer     not null default 0;

grant update (epoch, leader, lease_expires_at, lease_ms) on log_head to mumega_audit_ledger;
