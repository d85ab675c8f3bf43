-- The bank: transfers out and in, statements, differences.
SET ROLE penstock_keeper;
SET search_path = penstock;


RESET ROLE;
