-- A payment is known on its day; the wallet has no account beside the customer's own.
SELECT
    ID AS transaction_id, USER AS customer_id, USER AS account_id, PAID_AT AS booked_at,
    CASE WHAT WHEN 'TOPUP' THEN AMOUNT ELSE '-' || AMOUNT END AS amount,
    'CNY' AS currency,
    CASE WHAT WHEN 'TOPUP' THEN 'transfer_in' WHEN 'SHOP' THEN 'card' WHEN 'FRIEND' THEN 'transfer_out' ELSE WHAT END
        AS kind,
    'mobile' AS channel,
    CASE WHAT WHEN 'TOPUP' THEN 'other_bank' WHEN 'SHOP' THEN 'company' WHEN 'FRIEND' THEN 'person' END AS counterparty,
    CAST(PAID_AT AS DATE) AS known_on, _file, _line
FROM payment
