-- What was signed, and what a receipt needs of the tree.

create table checkpoints (
  size          bigint      primary key check (size >= 1),
  -- Compare and swap: two signers cannot both follow the same checkpoint, and none can be skipped.
  previous_size bigint      unique references checkpoints check (previous_size < size),
  root          bytea       not null check (octet_length(root) = 32),
  frontier      bytea       not null,
  note          text        not null,
  epoch         bigint      not null,
  signed_at     timestamptz not null
);
create unique index checkpoints_first on checkpoints ((previous_size is null))
  where previous_size is null;

-- The roots of full subtrees of 256, 256², … leaves, stored once their leaves were verified:
-- with
-- them a receipt costs a few reads, not the log.
create table subtrees (
  level    smallint not null check (level between 1 and 6),
  position bigint   not null check (position >= 0),
  hash     bytea    not null check (octet_length(hash) = 32),
  primary key (level, position)
);

-- How far `entries-sealed` was published; may lag behind the truth, never ahead of it.
create table announcements (
  only_row       boolean primary key default true check (only_row),
  announced_size bigint  not null default 0
);
insert into announcements default values;
