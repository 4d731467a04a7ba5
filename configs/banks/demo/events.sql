-- One row per digital event.
SELECT
    CUST_NO AS customer_id,
    EVT_TM AS occurred_at,
    CASE EVT_CD WHEN 'E01' THEN 'login' WHEN 'E02' THEN 'view_rates' WHEN 'E09' THEN 'complaint' ELSE EVT_CD END
        AS kind,
    LOAD_DT AS known_on,
    _file,
    _line
FROM event
