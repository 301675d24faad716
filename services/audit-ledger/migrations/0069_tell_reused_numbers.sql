-- A producer that begins anew with its numbers hides what is lost: no number of it is missing.

alter table source_numbers
  -- Where numbers are given up, whether they are in the log or not; one range for all.
  add column given_up_range int8range not null default 'empty',
  -- Intents whose number an earlier one had, and the first of them.
  add column reused         bigint    not null default 0 check (reused >= 0),
  add column reused_number  bigint,
  add column reused_index   bigint,
  add constraint source_numbers_reused
    check ((reused = 0) = (reused_number is null) and (reused = 0) = (reused_index is null));

-- From where on they were given up is not known any more.
update source_numbers set given_up_range = int8range(1, upper(seen)) where given_up > 0;
