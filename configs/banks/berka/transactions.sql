-- One row per booking. PRIJEM is money in, VYDAJ and VYBER money out; amounts are published unsigned.
SELECT t.trans_id AS transaction_id,
       d.client_id AS customer_id,
       t.account_id,
       '19' || t.date[1:2] || '-' || t.date[3:4] || '-' || t.date[5:6] AS booked_at,
       CASE t.type WHEN 'PRIJEM' THEN t.amount ELSE '-' || t.amount END AS amount,
       'CZK' AS currency,
       CASE
           WHEN t.k_symbol = 'DUCHOD' THEN 'salary'       -- pension
           WHEN t.k_symbol = 'UVER' THEN 'loan'           -- loan payment
           WHEN t.k_symbol IN ('SLUZBY', 'SANKC. UROK') THEN 'fee'
           WHEN t.k_symbol = 'UROK' THEN 'interest'
           WHEN t.operation = 'PREVOD Z UCTU' THEN 'transfer_in'
           WHEN t.operation = 'PREVOD NA UCET' THEN 'transfer_out'
           WHEN t.operation = 'VYBER KARTOU' THEN 'card'
           WHEN t.operation = 'VKLAD' THEN 'cash_in'
           WHEN t.operation = 'VYBER' OR t.type = 'VYBER' THEN 'cash_out'
           ELSE 'other'
       END AS kind,
       CASE t.operation
           WHEN 'VKLAD' THEN 'counter'
           WHEN 'VYBER' THEN 'counter'
           WHEN 'VYBER KARTOU' THEN 'card'
           ELSE 'auto'
       END AS channel,
       CASE
           WHEN t.k_symbol IN ('SIPO', 'POJISTNE', 'DUCHOD') THEN 'company'
           WHEN t.bank IS NOT NULL AND t.bank <> '' THEN 'other_bank'
           ELSE 'none'
       END AS counterparty,
       '19' || t.date[1:2] || '-' || t.date[3:4] || '-' || t.date[5:6] AS known_on,
       t._file, t._line
FROM trans t
LEFT JOIN disp d ON d.account_id = t.account_id AND d.type = 'OWNER'
