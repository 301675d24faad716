-- Who may write to whom in a tenant. Without a row everybody may write to everybody.

create table send_policies (
  tenant_id text collate "C" primary key,
  -- Whoever sets a policy names the version it replaces; it never goes back.
  version   integer          not null check (version > 0),
  fallback  text             not null check (fallback in ('allow', 'deny')),
  -- The first that matches counts; the check backs up the contract's bound.
  rules     jsonb            not null check (jsonb_typeof(rules) = 'array'
                                             and jsonb_array_length(rules) <= 100),
  set_at    timestamptz      not null
);

alter table send_policies enable row level security;
alter table send_policies force row level security;
create policy by_tenant on send_policies
  using (tenant_id = current_setting('mumega.tenant_id', true));

grant select, insert, update (version, fallback, rules, set_at) on send_policies to mumega_bridge;

select mumega_audited('send_policies');
