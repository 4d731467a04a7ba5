-- A month's balances are known on the fifth of the next month.
SELECT CUSTOMER AS customer_id, PRODUCT AS product_id, ACCOUNT AS account_id, month AS valued_on, balance,
       'EUR' AS currency, CAST(month AS DATE) + 5 AS known_on, _file, _line
FROM balance
