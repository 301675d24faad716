-- What is worked on, and for which objective: what is tied to none that counts is drift.

create table work_items (
  tenant_id    text collate "C" not null
               check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  kind         text collate "C" not null check (kind in ('task', 'fleet')),
  -- Of the system that keeps it.
  work_id      text collate "C" not null check (work_id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$'),
  title        text             not null check (octet_length(title) between 1 and 800),
  state        text             not null check (state in ('open', 'done', 'dropped')),
  objective_id uuid,
  opened_at    timestamptz      not null,
  opened_by    text             not null check (octet_length(opened_by) between 1 and 200),
  changed_at   timestamptz      not null,
  changed_by   text             not null check (octet_length(changed_by) between 1 and 200),
  closed_at    timestamptz,
  primary key (tenant_id, kind, work_id),
  foreign key (tenant_id, objective_id) references objectives,
  check ((state = 'open') = (closed_at is null)),
  check (changed_at >= opened_at and closed_at >= opened_at)
);
create index work_items_open on work_items (tenant_id, kind, work_id) where state = 'open';
create index work_items_closed on work_items (tenant_id, closed_at) where state <> 'open';
create index work_items_by_objective on work_items (tenant_id, objective_id)
  where objective_id is not null;

alter table work_items enable row level security;
alter table work_items force row level security;
create policy by_tenant on work_items
  using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert,
      update (title, state, objective_id, changed_at, changed_by, closed_at)
   on work_items to mumega_objectives;

select mumega_audited('work_items');
