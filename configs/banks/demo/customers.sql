-- One row per customer and version of the bank's record.
SELECT
    CUST_NO AS customer_id,
    OPEN_DT AS opened_on,
    BIRTH_YR AS birth_year,
    CASE SEX_CD WHEN '1' THEN 'M' WHEN '2' THEN 'F' ELSE SEX_CD END AS gender,
    CASE STAFF_FLG WHEN 'Y' THEN 'true' WHEN 'N' THEN 'false' ELSE STAFF_FLG END AS is_staff,
    CASE MKT_REFUSE WHEN '1' THEN 'true' WHEN '0' THEN 'false' ELSE MKT_REFUSE END AS marketing_opt_out,
    CASE STAT_CD
        WHEN '01' THEN 'active' WHEN '02' THEN 'frozen' WHEN '03' THEN 'deceased' WHEN '09' THEN 'closed'
        ELSE STAT_CD
    END AS status,
    RISK_GRD AS risk_grade,
    LOAD_DT AS known_on,
    _file,
    _line
FROM cust_info
