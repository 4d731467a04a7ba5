-- One row per booking. The amount is unsigned; DC_FLAG says whether it came (C) or went (D).
SELECT
    SERIAL_NO AS transaction_id,
    CUST_NO AS customer_id,
    ACCT_NO AS account_id,
    TXN_TM AS booked_at,
    CASE DC_FLAG WHEN 'D' THEN -TXN_AMT WHEN 'C' THEN TXN_AMT END AS amount,
    CASE CCY_CD WHEN '156' THEN 'CNY' WHEN '840' THEN 'USD' ELSE CCY_CD END AS currency,
    CASE TXN_CD
        WHEN '0101' THEN 'salary' WHEN '0201' THEN 'transfer_in' WHEN '0202' THEN 'transfer_out'
        WHEN '0301' THEN 'card' WHEN '0401' THEN 'cash_in' WHEN '0402' THEN 'cash_out'
        WHEN '0501' THEN 'fee' WHEN '0601' THEN 'interest' WHEN '0701' THEN 'buy'
        WHEN '0702' THEN 'redeem' WHEN '0801' THEN 'loan' WHEN '0901' THEN 'other'
        ELSE TXN_CD
    END AS kind,
    CASE CHNL_CD
        WHEN 'C' THEN 'counter' WHEN 'M' THEN 'mobile' WHEN 'W' THEN 'online'
        WHEN 'A' THEN 'atm' WHEN 'S' THEN 'auto' WHEN 'P' THEN 'pos'
        ELSE CHNL_CD
    END AS channel,
    CASE OPP_TYP
        WHEN '00' THEN 'none' WHEN '01' THEN 'own' WHEN '02' THEN 'same_name_elsewhere'
        WHEN '03' THEN 'other_bank' WHEN '04' THEN 'broker' WHEN '05' THEN 'company' WHEN '06' THEN 'person'
        ELSE OPP_TYP
    END AS counterparty,
    LOAD_DT AS known_on,
    _file,
    _line
FROM txn
