-- One row per version of a customer's period in a family: when it ends, the bank writes it again with its end.
SELECT
    CUST_NO AS customer_id,
    FAM_NO AS household_id,
    BEG_DT AS from_on,
    END_DT AS to_on,
    LOAD_DT AS known_on,
    _file,
    _line
FROM cust_fam
