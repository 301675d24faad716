-- What every service has: events and audit intents still to be published, and requests that were
-- answered already.

create table outbox (
  -- Publication order. Two transactions may commit in the other order; two that change the same
  -- row cannot.
  position   bigint      generated always as identity primary key,
  audit      boolean     not null,
  subject    text        not null,
  -- The event's id; the relay sends it as Nats-Msg-Id.
  message_id text        not null unique,
  -- JSON as text: jsonb would refuse \u0000 and rewrite numbers.
  payload    text        not null,
  headers    text        not null,
  -- The producer's number of an audit intent, given when it is first claimed, so that rolled-back
  -- transactions leave no hole and a missing number proves a lost intent.
  number     bigint      unique,
  check (audit or number is null)
);

create table outbox_counter (
  only_row    boolean primary key default true check (only_row),
  last_number bigint  not null default 0
);
insert into outbox_counter default values;

create table processed_requests (
  request_id   uuid        primary key,
  command      text        not null,
  content_hash bytea       not null,
  reply        text,       -- null only while the first transaction is open
  processed_at timestamptz not null default now()
);
create index processed_requests_by_age on processed_requests (processed_at);
