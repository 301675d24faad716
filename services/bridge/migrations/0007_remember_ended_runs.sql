-- A run that has ended is remembered for a while: signals overtake each other, and a start that
-- comes after its end opens nothing.

alter table runs add column ended_at timestamptz,
                 -- Absent where the end was heard of first.
                 alter column started_at drop not null,
                 add check (started_at is not null or ended_at is not null);
create index runs_ended on runs (tenant_id, agent, ended_at) where ended_at is not null;

grant update (ended_at) on runs to mumega_bridge;
