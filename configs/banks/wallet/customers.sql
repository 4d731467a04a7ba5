-- The wallet knows a customer from the day of the first sign-in.
SELECT USER AS customer_id, JOINED AS opened_on, JOINED AS known_on, NAME AS name, PHONE AS phone, _file, _line
FROM user
