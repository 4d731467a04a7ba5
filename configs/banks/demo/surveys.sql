-- One row per answered item of a questionnaire.
SELECT
    RESP_NO AS response_id,
    CUST_NO AS customer_id,
    ANS_DT AS answered_on,
    CASE ITEM_CD
        WHEN 'Q1' THEN 'service' WHEN 'Q2' THEN 'environment' WHEN 'Q3' THEN 'products'
        WHEN 'Q4' THEN 'brand' WHEN 'Q5' THEN 'manager'
        ELSE ITEM_CD
    END AS item,
    SCORE AS score,
    LOAD_DT AS known_on,
    _file,
    _line
FROM survey
