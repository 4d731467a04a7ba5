-- The only product with a balance: the current account.
SELECT 'CURRENT' AS product_id, 'demand' AS product_class, 'current account' AS name, 'CZK' AS currency,
       _file, _line
FROM account
QUALIFY row_number() OVER (ORDER BY _line) = 1
