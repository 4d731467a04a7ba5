-- Two products, which no file lists: one line of the balances stands for each.
SELECT PRODUCT AS product_id, 'demand' AS product_class, lower(PRODUCT) || ' account' AS name,
       'EUR' AS currency, _file, _line
FROM balance
QUALIFY row_number() OVER (PARTITION BY PRODUCT ORDER BY _file, _line, month) = 1
