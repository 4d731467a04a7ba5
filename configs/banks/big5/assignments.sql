-- One row per customer: the manager of the file of customers, since the first day.
SELECT
    t.CUST_NO AS customer_id,
    t.RM_NO AS manager_id,
    t.ORG_NO AS branch_id,  -- 50,000 of 50,000 as text, 40 different
    regexp_replace(t.OPEN_DT, '^(\d{4})(\d\d)(\d\d)$', '\1-\2-\3') AS from_on,
    NULL AS to_on,  -- no file holds ends
    regexp_replace(t.LOAD_DT, '^(\d{4})(\d\d)(\d\d)$', '\1-\2-\3') AS known_on,
    t._file, t._line
FROM cust_info t
