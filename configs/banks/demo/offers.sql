-- One row per offer of interest, known some days before it begins.
SELECT
    OFR_NO AS offer_id,
    CASE PROD_TYP
        WHEN 'CK' THEN 'demand' WHEN 'DQ' THEN 'term' WHEN 'JG' THEN 'structured'
        WHEN 'LC' THEN 'wealth' WHEN 'JJ' THEN 'fund' WHEN 'BX' THEN 'insurance'
        WHEN 'GJ' THEN 'metal' WHEN 'XT' THEN 'trust' WHEN 'DK' THEN 'loan'
        ELSE PROD_TYP
    END AS product_class,
    CASE CCY_CD WHEN '156' THEN 'CNY' WHEN '840' THEN 'USD' ELSE CCY_CD END AS currency,
    RATE_PCT AS interest_rate,
    TERM_M AS months,
    MIN_AMT AS least_amount,
    BEG_DT AS from_on,
    END_DT AS to_on,
    LOAD_DT AS known_on,
    _file,
    _line
FROM offer
