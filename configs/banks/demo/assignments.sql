-- One row per version of an assignment: when a period ends, the bank writes it again with its end.
SELECT
    CUST_NO AS customer_id,
    RM_NO AS manager_id,
    ORG_NO AS branch_id,
    BEG_DT AS from_on,
    END_DT AS to_on,
    LOAD_DT AS known_on,
    _file,
    _line
FROM cust_rm
