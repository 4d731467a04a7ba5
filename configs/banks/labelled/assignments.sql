-- One adviser per client, since the first day.
SELECT client AS customer_id, adviser AS manager_id, branch AS branch_id, since AS from_on, NULL AS to_on,
       since AS known_on, _file, _line
FROM clients
