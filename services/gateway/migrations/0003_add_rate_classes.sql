-- How many requests a minute a token may make; how many each class is, the gateway's settings say.

-- Tokens of before keep the 600 a minute that they had.
alter table tokens add column rate_class text not null default 'elevated'
  check (rate_class in ('standard', 'elevated'));
-- What a gateway of before this migration still makes gets the lesser.
alter table tokens alter column rate_class set default 'standard';
