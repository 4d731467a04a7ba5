-- One row per customer, product and valuation Sunday on which something had changed.
SELECT
    CUST_NO AS customer_id,
    PROD_CD AS product_id,
    VAL_DT AS valued_on,
    BAL_AMT AS balance,
    CASE CCY_CD WHEN '156' THEN 'CNY' WHEN '840' THEN 'USD' ELSE CCY_CD END AS currency,
    DUE_DT AS matures_on,
    SHARES AS units,
    NAV AS unit_price,
    RATE_PCT AS interest_rate,
    LOAD_DT AS known_on,
    _file,
    _line
FROM hold
