-- Bodies of an agent, each with a cursor of its own; leases of messages to them; and how a delivery
-- ends besides by an acknowledgement.

create table bodies (
  tenant_id        text collate "C" not null,
  agent            text collate "C" not null,
  body             text collate "C" not null check (body ~ '^[a-z][a-z0-9-]{0,62}$'),
  cursor           bigint           not null check (cursor >= 0),
  created_at       timestamptz      not null,
  last_received_at timestamptz      not null,
  primary key (tenant_id, agent, body),
  foreign key (tenant_id, agent) references agents (tenant_id, name)
) with (fillfactor = 50); -- Changed by every look at the inbox.

-- What a body has been given and nobody has settled. Reading is no act: it needs no audit intent.
create table leases (
  tenant_id text collate "C" not null,
  recipient text collate "C" not null,
  body      text collate "C" not null,
  position  bigint           not null,
  -- Deliveries to this body; 0 only where a dead letter waits to be delivered anew.
  attempts  smallint         not null check (attempts between 0 and 4),
  ends_at   timestamptz      not null,
  primary key (tenant_id, recipient, position, body),
  foreign key (tenant_id, recipient, body)
    references bodies (tenant_id, agent, body) on delete cascade,
  foreign key (tenant_id, recipient, position)
    references deliveries (tenant_id, recipient, position)
) with (fillfactor = 70);
create index leases_of_body on leases (tenant_id, recipient, body, ends_at);
create index leases_used_up on leases (ends_at) where attempts = 4;

-- The messages that expire and have not; their rows go with the expiry.
create table expiries (
  tenant_id  text collate "C" not null,
  message_id uuid             not null,
  expires_at timestamptz      not null,
  primary key (tenant_id, message_id),
  foreign key (tenant_id, message_id) references messages (tenant_id, message_id)
);
create index expiries_due on expiries (expires_at);

alter table messages   add column expires_at         timestamptz;
alter table deliveries add column expired_at         timestamptz,
                       add column dead_lettered_at   timestamptz,
                       add column dead_letter_reason text
                         check (octet_length(dead_letter_reason) between 1 and 4000),
                       -- To the body that was given it most often, before it was settled.
                       add column attempts           smallint not null default 0,
                       add check ((dead_lettered_at is null) = (dead_letter_reason is null));
create index deliveries_dead on deliveries (tenant_id, dead_lettered_at, recipient, position)
  where dead_lettered_at is not null and acknowledged_at is null;

-- A delivery is settled by an acknowledgement, as a dead letter or by expiry, and counted once.
alter table inboxes rename column acknowledged to settled;
drop index deliveries_unread;
create index deliveries_unsettled on deliveries (tenant_id, recipient, position)
  where acknowledged_at is null and dead_lettered_at is null and expired_at is null;

alter table bodies   enable row level security;
alter table leases   enable row level security;
alter table expiries enable row level security;
alter table bodies   force row level security;
alter table leases   force row level security;
alter table expiries force row level security;
create policy by_tenant on bodies   using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on leases   using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on expiries using (tenant_id = current_setting('mumega.tenant_id', true));
-- The bridge itself looks in all tenants for what is due. These rows hold names and times only.
create policy what_is_due on leases for select
  using (current_setting('mumega.tenant_id', true) = 'substrate');
create policy what_is_due on expiries for select
  using (current_setting('mumega.tenant_id', true) = 'substrate');

grant select, insert, delete, update (cursor, last_received_at) on bodies to mumega_bridge;
grant select, insert, delete, update (attempts, ends_at) on leases to mumega_bridge;
grant select, insert, delete on expiries to mumega_bridge;
grant update (expired_at, dead_lettered_at, dead_letter_reason, attempts)
  on deliveries to mumega_bridge;
