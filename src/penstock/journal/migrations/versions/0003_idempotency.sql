-- Keys of callers that do not make UUIDs: the table behind the header Idempotency-Key.
SET ROLE penstock_keeper;
SET search_path = penstock;


RESET ROLE;
