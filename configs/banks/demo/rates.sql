-- One row per currency and day: yuan for one unit.
SELECT
    CASE CCY_CD WHEN '156' THEN 'CNY' WHEN '840' THEN 'USD' ELSE CCY_CD END AS currency,
    RATE_DT AS valued_on,
    MID_RATE AS to_base,
    _file,
    _line
FROM fx_rate
