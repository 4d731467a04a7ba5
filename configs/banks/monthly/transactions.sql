-- What came in and what went out in a month, as one booking each on its last day.
SELECT CUSTOMER || '-' || item AS transaction_id, CUSTOMER AS customer_id, CUSTOMER || '-1' AS account_id,
       last_day(strptime(split_part(item, '_', 2), '%Y-%m')) AS booked_at,
       CASE WHEN item LIKE 'OUT%' AND amount NOT LIKE '0.00' THEN '-' || amount ELSE amount END AS amount,
       'EUR' AS currency,
       CASE WHEN item LIKE 'OUT%' THEN 'transfer_out' ELSE 'salary' END AS kind,
       last_day(strptime(split_part(item, '_', 2), '%Y-%m')) + INTERVAL 5 DAY AS known_on,
       _file, _line
FROM flow
