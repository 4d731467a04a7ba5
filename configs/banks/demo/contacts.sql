-- One row per contact of a manager with a customer.
SELECT
    CONT_NO AS contact_id,
    CUST_NO AS customer_id,
    RM_NO AS manager_id,
    CONT_TM AS contacted_at,
    CASE CONT_CHNL WHEN '1' THEN 'phone' WHEN '2' THEN 'visit' WHEN '3' THEN 'message' ELSE CONT_CHNL END AS channel,
    CASE CONT_PURP
        WHEN '10' THEN 'service' WHEN '20' THEN 'sale' WHEN '30' THEN 'retention' WHEN '40' THEN 'complaint'
        ELSE CONT_PURP
    END AS purpose,
    CASE CONT_RSLT WHEN 'A' THEN 'answered' WHEN 'N' THEN 'no_answer' WHEN 'D' THEN 'declined' ELSE CONT_RSLT END
        AS outcome,
    LOAD_DT AS known_on,
    _file,
    _line
FROM contact
