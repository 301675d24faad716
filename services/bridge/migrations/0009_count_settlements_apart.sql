-- What is settled of an inbox is counted apart from its head, in up to 16 rows by the delivery's
-- position: an acknowledgement waits neither for a message to the inbox nor, mostly, for another.

-- Before the inboxes are locked: whoever registers an agent locks in this order, too.
create table settlements (
  tenant_id    text collate "C" not null,
  agent        text collate "C" not null,
  -- The remainder of the position; what has none, such as a run, is in slot 0.
  slot         smallint         not null check (slot between 0 and 15),
  settled      bigint           not null check (settled >= 0),
  -- An acknowledgement or a successful run.
  last_work_at timestamptz,
  primary key (tenant_id, agent, slot),
  -- Not the inbox, whose lock a broadcast has alone.
  foreign key (tenant_id, agent) references agents (tenant_id, name)
) with (fillfactor = 50); -- Changed by every settlement: room for updates that touch no index.

alter table settlements enable row level security;
alter table settlements force row level security;
create policy by_tenant on settlements
  using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert, update (settled, last_work_at) on settlements to mumega_bridge;

-- It waits for whoever counts in the inboxes now, and they for it. Forced again below.
alter table inboxes no force row level security;

do $$
declare
  tenant text;
begin
  -- One after the other, as the policies bind the owner of the tables.
  for tenant in select distinct tenant_id from inboxes loop
    perform set_config('mumega.tenant_id', tenant, true);
    -- Counted anew: a dead letter that is delivered again is subtracted where it is counted.
    insert into settlements (tenant_id, agent, slot, settled)
    select d.tenant_id, d.recipient, d.position % 16, count(*) from deliveries d
     where d.tenant_id = tenant
       and coalesce(d.acknowledged_at, d.dead_lettered_at, d.expired_at) is not null
     group by 1, 2, 3;
    insert into settlements (tenant_id, agent, slot, settled, last_work_at)
    select i.tenant_id, i.agent, 0, 0, i.last_work_at from inboxes i
     where i.tenant_id = tenant and i.last_work_at is not null
    on conflict (tenant_id, agent, slot) do update set last_work_at = excluded.last_work_at;
  end loop;
  perform set_config('mumega.tenant_id', '', true);
end $$;

alter table inboxes force row level security;
alter table inboxes drop constraint inboxes_check,
                    drop column settled,
                    drop column last_work_at,
                    add check (last_position >= 0);
