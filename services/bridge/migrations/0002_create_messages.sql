-- Messages, their place in each recipient's inbox, and which of them the recipient has listed.

create table messages (
  tenant_id      text collate "C" not null,
  message_id     uuid             not null,
  sender         text collate "C" not null,
  kind           text             not null check (kind in ('send', 'broadcast', 'ask')),
  -- The check backs up the bridge's own bound: no bug above the database can store a longer text.
  text           text             not null check (octet_length(text) between 1 and 16384),
  content_type   text             not null check (content_type in ('text/plain', 'text/markdown')),
  reply_to       uuid,
  correlation_id text             check (octet_length(correlation_id) between 1 and 800),
  deadline       timestamptz      check ((kind = 'ask') = (deadline is not null)),
  sent_at        timestamptz      not null,
  primary key (tenant_id, message_id),
  foreign key (tenant_id, sender) references agents (tenant_id, name),
  foreign key (tenant_id, reply_to) references messages (tenant_id, message_id)
);
create index messages_by_reply on messages (tenant_id, reply_to) where reply_to is not null;

create table deliveries (
  tenant_id       text collate "C" not null,
  recipient       text collate "C" not null,
  position        bigint           not null check (position > 0),
  message_id      uuid             not null,
  acknowledged_at timestamptz,
  primary key (tenant_id, recipient, position),
  unique (tenant_id, message_id, recipient),
  foreign key (tenant_id, recipient) references agents (tenant_id, name),
  foreign key (tenant_id, message_id) references messages (tenant_id, message_id)
);
create index deliveries_unread on deliveries (tenant_id, recipient, position)
  where acknowledged_at is null;

-- Apart from deliveries: reading is not an act, so it must not need an audit intent.
create table fetches (
  tenant_id  text collate "C" not null,
  recipient  text collate "C" not null,
  position   bigint           not null,
  fetched_at timestamptz      not null,
  primary key (tenant_id, recipient, position),
  foreign key (tenant_id, recipient, position)
    references deliveries (tenant_id, recipient, position)
);

alter table messages   enable row level security;
alter table deliveries enable row level security;
alter table fetches    enable row level security;
alter table messages   force row level security;
alter table deliveries force row level security;
alter table fetches    force row level security;
create policy by_tenant on messages   using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on deliveries using (tenant_id = current_setting('mumega.tenant_id', true));
create policy by_tenant on fetches    using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert on messages to mumega_bridge;
grant select, insert, update (acknowledged_at) on deliveries to mumega_bridge;
grant select, insert on fetches to mumega_bridge;

select mumega_audited('messages');
select mumega_audited('deliveries');
