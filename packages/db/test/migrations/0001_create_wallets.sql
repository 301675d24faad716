create table wallets (
  wallet_id uuid   primary key,
  tenant_id text   not null,
  cents     bigint not null check (cents >= 0)
);
alter table wallets enable row level security;
create policy by_tenant on wallets using (tenant_id = current_setting('mumega.tenant_id', true));
grant select, insert, update, delete on wallets to mumega_sample;
select mumega_audited('wallets');
