-- One row per customer, product, account and valuation day.
SELECT
    t.CUST_NO AS customer_id,  -- 2,400,000 of 2,400,000 as text, about 50,567 different; 50,000 of 50,000 stand in cust_info.CUST_NO
    t.PROD_CD AS product_id,  -- 2,400,000 of 2,400,000 as text, 2 different; 2 of 2 stand in prod_info.PROD_CD
    t.VAL_DT AS valued_on,  -- 2,400,000 of 2,400,000 as YYYY-MM-DD, about 24 different, 2024-07-01 to 2026-05-22
    t.BAL_AMT AS balance,  -- 2,400,000 of 2,400,000 as 1234.56, about 1,054,356 different, 1000.0000 to 900995.2500
    t.CCY_CD AS currency,  -- 2,400,000 of 2,400,000 as text, 1 different
    t.LOAD_DT AS known_on,  -- 2,400,000 of 2,400,000 as YYYY-MM-DD, about 24 different, 2024-07-02 to 2026-05-23
    t._file, t._line
FROM hold t
