-- One row per product.
SELECT
    t.PROD_CD AS product_id,  -- 2 of 2 as text, each once
    t.PROD_TYP AS product_class,  -- PROD_TYP: demand 1, term 1
    t.PROD_NAME AS name,  -- 2 of 2 as text, each once
    t.CCY_CD AS currency,  -- 2 of 2 as text, 1 different
    t._file, t._line
FROM prod_info t
