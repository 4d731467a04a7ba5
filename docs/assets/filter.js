// Filters the rows of all tables below the box: every word must stand somewhere in the row.
document.addEventListener("input", (event) => {
  if (!event.target.matches("input.filter")) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const table of document.querySelectorAll("article table")) {
    if (!(event.target.compareDocumentPosition(table) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    const box = table.closest(".md-typeset__scrollwrap") ?? table;
    const heading = box.previousElementSibling;
    box.hidden = shown === 0;
    if (heading?.matches("h2, h3")) heading.hidden = shown === 0;
  }
});
