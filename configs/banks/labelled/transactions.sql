-- One row per booking.
SELECT number AS transaction_id, client AS customer_id, client AS account_id, day AS booked_at, amount,
       'EUR' AS currency, CASE kind WHEN 'transfer' THEN 'transfer_out' ELSE kind END AS kind,
       CASE kind WHEN 'transfer' THEN 'other_bank' WHEN 'salary' THEN 'company' ELSE 'none' END AS counterparty,
       day AS known_on, _file, _line
FROM bookings
