// Filters the rows of the tables of features: every word must stand somewhere in the row.
document.addEventListener("input", (event) => {
  if (!event.target.matches("input.filter")) return;
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const table of document.querySelectorAll("article table")) {
    const cards = table.closest(".cards") ?? table;
    const counts = table.tHead.rows[0].cells.length === 2;  // features per family: of no use while one filters
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !counts && !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    cards.hidden = counts ? words.length > 0 : shown === 0;
    const heading = cards.previousElementSibling;
    if (heading?.matches("h2, h3")) heading.hidden = cards.hidden;
  }
});
