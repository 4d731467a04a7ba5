-- One row per client.
SELECT client AS customer_id, since AS opened_on, since AS known_on, _file, _line
FROM clients
