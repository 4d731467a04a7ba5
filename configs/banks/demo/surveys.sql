-- One row per answered item of a questionnaire.
SELECT
    RESP_NO AS response_id,
    CUST_NO AS customer_id,
    ANS_DT AS answered_on,
    CASE ITEM_CD
        WHEN 'Q1' THEN 'service' WHEN 'Q2' THEN 'environment' WHEN 'Q3' THEN 'products'
        WHEN 'Q4' THEN 'brand' WHEN 'Q5' THEN 'manager'
        WHEN 'Q6' THEN 'service_waiting' WHEN 'Q7' THEN 'environment_comfort' WHEN 'Q8' THEN 'products_fit'
        WHEN 'Q9' THEN 'brand_trust' WHEN 'Q10' THEN 'manager_reachable' WHEN 'Q11' THEN 'overall'
        WHEN 'Q12' THEN 'service_matters' WHEN 'Q13' THEN 'environment_matters'
        WHEN 'Q14' THEN 'products_matter' WHEN 'Q15' THEN 'brand_matters' WHEN 'Q16' THEN 'manager_matters'
        ELSE ITEM_CD
    END AS item,
    SCORE AS score,
    LOAD_DT AS known_on,
    _file,
    _line
FROM survey
