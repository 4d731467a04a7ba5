#!/usr/bin/env bash
# Draw the largest manager's workbook of a folder as the reader sees it: <lists folder> <out.png>
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
book=$(ls -S "$1"/manager_*.xlsx | head -n 1)
soffice --headless --convert-to pdf --outdir "$work" "$book" >/dev/null
pdftoppm -png -r 130 -singlefile "$work/$(basename "${book%.xlsx}").pdf" "$work/page"
mv "$work/page.png" "$2"
