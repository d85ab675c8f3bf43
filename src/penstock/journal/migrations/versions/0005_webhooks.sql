-- Webhooks: endpoints, their secrets, deliveries.
SET ROLE penstock_keeper;
SET search_path = penstock;


RESET ROLE;
