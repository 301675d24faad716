-- How many drop-records a pass of the scrubber has seen. None is ever removed: that there are fewer
-- is found by the next pass, whichever ledger makes it.

alter table scrub_progress
  add column drops_seen bigint not null default 0 check (drops_seen >= 0);
grant update (drops_seen) on scrub_progress to mumega_audit_ledger;
