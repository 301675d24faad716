-- Agents, the head of each one's inbox, and when each was last seen. Names sort by their bytes,
-- whatever the cluster's locale, so that pages and locks have one order everywhere.

create table agents (
  tenant_id     text collate "C" not null
                check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  name          text collate "C" not null check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
  registered_at timestamptz      not null,
  primary key (tenant_id, name)
);

-- Its row lock gives positions away: 1, 2, 3 … without holes, in the order of acceptance.
create table inboxes (
  tenant_id     text collate "C" not null,
  agent         text collate "C" not null,
  last_position bigint           not null default 0,
  acknowledged  bigint           not null default 0,
  primary key (tenant_id, agent),
  foreign key (tenant_id, agent) references agents (tenant_id, name),
  check (acknowledged between 0 and last_position)
) with (fillfactor = 50); -- Changed by every message: room for updates that touch no index.

-- Apart from agents: a heartbeat is not an act, so it must not need an audit intent.
create table presence (
  tenant_id    text collate "C" not null,
  agent        text collate "C" not null,
  status       text             not null check (status in ('idle', 'busy', 'failing')),
  note         text             check (octet_length(note) <= 2000),
  last_seen_at timestamptz      not null,
  primary key (tenant_id, agent),
  foreign key (tenant_id, agent) references agents (tenant_id, name)
) with (fillfactor = 50);

alter table agents   enable row level security;
alter table inboxes  enable row level security;
alter table presence enable row level security;
-- Forced: the policies bind the owner too, so that no later migration reads across tenants by
-- mistake.
alter table agents   force row level security;
alter table inboxes  force row level security;
alter table presence force row level security;
create policy by_tenant on agents   using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on inboxes  using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on presence using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert on agents to mumega_bridge;
grant select, insert, update (last_position, acknowledged) on inboxes to mumega_bridge;
grant select, insert, update (status, note, last_seen_at) on presence to mumega_bridge;

select mumega_audited('agents');
