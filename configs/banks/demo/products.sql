-- One row per product.
SELECT
    PROD_CD AS product_id,
    CASE PROD_TYP
        WHEN 'CK' THEN 'demand' WHEN 'DQ' THEN 'term' WHEN 'JG' THEN 'structured'
        WHEN 'LC' THEN 'wealth' WHEN 'JJ' THEN 'fund' WHEN 'BX' THEN 'insurance'
        WHEN 'GJ' THEN 'metal' WHEN 'XT' THEN 'trust' WHEN 'DK' THEN 'loan'
        ELSE PROD_TYP
    END AS product_class,
    PROD_NAME AS name,
    CASE CCY_CD WHEN '156' THEN 'CNY' WHEN '840' THEN 'USD' ELSE CCY_CD END AS currency,
    RISK_GRD AS risk_grade,
    TERM_M AS months,
    _file,
    _line
FROM prod_info
