-- The keeper reads keys while they are written, from where it was (journal/gathering.py).
SET ROLE penstock_keeper;
SET search_path = penstock;
ALTER TABLE journal_key ADD PRIMARY KEY (lane, first_seq);
RESET ROLE;
