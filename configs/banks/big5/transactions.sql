-- One row per booking.
SELECT
    t.SERIAL_NO AS transaction_id,  -- 4,999,992 of 4,999,992 as text, each once
    t.CUST_NO AS customer_id,  -- 4,999,992 of 4,999,992 as text, about 50,567 different; 50,000 of 50,000 stand in cust_info.CUST_NO
    t.ACCT_NO AS account_id,  -- 4,999,992 of 4,999,992 as text, about 51,560 different
    t.TXN_TM AS booked_at,  -- 4,999,992 of 4,999,992 as YYYY-MM-DD, each once, 2024-07-01 08:00:00 to 2026-06-20 06:24:30
    CASE t.DC_FLAG WHEN 'C' THEN t.TXN_AMT WHEN 'D' THEN '-' || t.TXN_AMT END AS amount,  -- 4,999,992 of 4,999,992 as 1234.56, about 205,608 different, 0.1000 to 9000.0700, none negative; DC_FLAG: D 3,999,984, C 1,000,008
    t.CCY_CD AS currency,  -- 4,999,992 of 4,999,992 as text, 1 different
    CASE trim(t.TXN_CD)
        WHEN 'card' THEN 'card' WHEN 'cash out' THEN 'cash_out' WHEN 'fee' THEN 'fee'
        WHEN 'salary' THEN 'salary' WHEN 'transfer out' THEN 'transfer_out' ELSE t.TXN_CD END AS kind,  -- TXN_CD: card 1,000,008, salary 1,000,008, transfer out 1,000,008, cash out 999,984, fee 999,984
    t.CHNL_CD AS channel,  -- CHNL_CD: mobile 1,666,680, atm 1,666,656, counter 1,666,656
    t.LOAD_DT AS known_on,  -- 4,999,992 of 4,999,992 as YYYY-MM-DD, about 718 different, 2024-07-02 to 2026-06-20
    t._file, t._line
FROM txn t
