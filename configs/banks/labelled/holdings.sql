-- The balance of every Sunday.
SELECT client AS customer_id, 'current' AS product_id, sunday AS valued_on, balance, 'EUR' AS currency,
       sunday AS known_on, _file, _line
FROM balances
