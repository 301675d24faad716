-- What the relay's tests write: a change per act, audited as a service's own tables are.
create table facts (number integer primary key);
grant select, insert on facts to mumega_bridge;
select mumega_audited('facts');
