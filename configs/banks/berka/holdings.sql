-- One row per account and day with a booking: the balance after the day's last one. By day the running
-- balance adds up even where a few same-day bookings are stored out of order.
SELECT d.client_id AS customer_id,
       'CURRENT' AS product_id,
       '19' || t.date[1:2] || '-' || t.date[3:4] || '-' || t.date[5:6] AS valued_on,
       t.balance,
       'CZK' AS currency,
       '19' || t.date[1:2] || '-' || t.date[3:4] || '-' || t.date[5:6] AS known_on,
       t._file, t._line
FROM trans t
LEFT JOIN disp d ON d.account_id = t.account_id AND d.type = 'OWNER'
QUALIFY row_number() OVER (PARTITION BY t.account_id, t.date ORDER BY t._line DESC) = 1
