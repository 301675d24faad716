-- Presence by work: what an agent has begun and not ended, and when it last did something.

-- A run is one piece of work, from its start signal to its success or failure. Open ones only.
create table runs (
  tenant_id  text collate "C" not null,
  agent      text collate "C" not null,
  run_id     uuid             not null,
  started_at timestamptz      not null,
  primary key (tenant_id, agent, run_id),
  foreign key (tenant_id, agent) references agents (tenant_id, name)
);

-- An acknowledgement or a successful run. Beside the head of the inbox, which an acknowledgement
-- changes anyway.
alter table inboxes add column last_work_at timestamptz;
-- How the last run ended. A failure is no work done, but it is a sign of life.
alter table presence add column last_run_id         uuid,
                     add column last_run_outcome    text
                       check (last_run_outcome in ('success', 'fail')),
                     add column last_run_ended_at   timestamptz,
                     -- Absent where no start was heard of.
                     add column last_run_ms         bigint check (last_run_ms >= 0);

alter table runs enable row level security;
alter table runs force row level security;
create policy by_tenant on runs using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert, delete on runs to mumega_bridge;
grant update (last_work_at) on inboxes to mumega_bridge;
grant update (last_run_id, last_run_outcome, last_run_ended_at, last_run_ms) on presence
  to mumega_bridge;
