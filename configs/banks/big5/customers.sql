-- One row per customer and version.
SELECT
    t.CUST_NO AS customer_id,  -- 50,000 of 50,000 as text, each once
    regexp_replace(t.OPEN_DT, '^(\d{4})(\d\d)(\d\d)$', '\1-\2-\3') AS opened_on,  -- 50,000 of 50,000 as YYYYMMDD, about 4,501 different, 2010-01-04 to 2022-04-30
    t.BIRTH_YR AS birth_year,  -- 50,000 of 50,000 as whole numbers, about 59 different
    t.SEX_CD AS gender,  -- SEX_CD: F 25,000, M 25,000
    regexp_replace(t.LOAD_DT, '^(\d{4})(\d\d)(\d\d)$', '\1-\2-\3') AS known_on,  -- 50,000 of 50,000 as YYYYMMDD, about 4,501 different, 2010-01-04 to 2022-04-30
    t._file, t._line
FROM cust_info t
