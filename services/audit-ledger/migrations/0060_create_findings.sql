-- What the scrubber found to be altered. Never removed; a finding that a whole later pass does not
-- find again is cleared, and stays on record.

create table audit_findings (
  finding_id  uuid        primary key,
  kind        text        collate "C" not null check (length(kind) <= 50),
  -- Which value, for instance `entry 17`.
  place       text        not null check (length(place) between 1 and 300),
  expected    text        not null check (length(expected) <= 300),
  found       text        not null check (length(found) <= 300),
  -- Whether nothing may be sealed or signed while it is open.
  halts       boolean     not null,
  occurred_at timestamptz not null,
  cleared_at  timestamptz
);
-- What a later pass finds again is the same finding.
create unique index audit_findings_open on audit_findings (kind, place) where cleared_at is null;
create index audit_findings_newest on audit_findings (occurred_at, finding_id);

create function refuse_change_of_finding() returns trigger language plpgsql as $$
begin
  raise exception '% of %.% is refused: a finding is cleared once, and otherwise never changed',
    tg_op, tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $$;
create trigger never_removed before delete or truncate on audit_findings
  for each statement execute function refuse_change_of_finding();
create trigger cleared_once before update on audit_findings
  for each row when (
    old.cleared_at is not null or new.cleared_at is null
    or (old.finding_id, old.kind, old.place, old.expected, old.found, old.halts, old.occurred_at)
       is distinct from
       (new.finding_id, new.kind, new.place, new.expected, new.found, new.halts, new.occurred_at))
  execute function refuse_change_of_finding();
alter table audit_findings enable always trigger never_removed;
alter table audit_findings enable always trigger cleared_once;

select mumega_audited('audit_findings');
grant select, insert, update (cleared_at) on audit_findings to mumega_audit_ledger;

-- Up to which checkpoint the pass has come that is under way, so that a restart does not begin the
-- log anew. Nothing is believed of it: a pass goes on only from what the log's key signed.
create table scrub_progress (
  only_row        boolean primary key default true check (only_row),
  checkpoint_size bigint  not null default 0 check (checkpoint_size >= 0)
);
insert into scrub_progress default values;
grant select, update (checkpoint_size) on scrub_progress to mumega_audit_ledger;
