-- Which call was given a lease, so that it can be answered again when its answer was lost.

alter table leases add column claim_id uuid;
create index leases_of_claim on leases (tenant_id, recipient, body, claim_id)
  where claim_id is not null;

grant update (claim_id) on leases to mumega_bridge;
