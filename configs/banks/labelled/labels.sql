-- At each month-end: did the client leave within 180 days from then on, and how much went with them?
SELECT client AS customer_id, month_end AS day, left_180 AS gone, lost, computed_on AS known_on, _file, _line
FROM churn
