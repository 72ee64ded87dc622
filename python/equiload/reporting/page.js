const specs = JSON.parse(document.getElementById("charts").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");

// Charts take the colours of the page, and are drawn again where those change.
function theme(place) {
  // As many entries of a legend in a row as there is room for.
  const columns = Math.max(1, Math.floor((place.clientWidth - 50) / 140));
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, line] = ["--ink", "--faint", "--line"].map((name) => style.getPropertyValue(name).trim());
  const text = { labelColor: faint, titleColor: faint, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { ...text, gridColor: line, domainColor: line, tickColor: line },
    legend: { ...text, columns },
    text: { color: ink },
    rule: { color: faint },
  };
}

const drawn = new Map();

async function draw(place) {
  const view = drawn.get(place);
  if (view) view.finalize();
  const options = { actions: false, renderer: "svg", config: theme(place), tooltip: { theme: dark.matches ? "dark" : "light" } };
  const result = await window.vegaEmbed(place, specs[place.dataset.chart], options);
  drawn.set(place, result);
  place.dataset.drawn = "yes";
}

// A chart that is not shown has no width to fill: it waits for its tab.
function drawShown() {
  const places = [...document.querySelectorAll(".chart")].filter((place) => place.offsetParent !== null);
  return Promise.all(places.filter((place) => place.dataset.drawn !== "yes").map(draw));
}

dark.addEventListener("change", () => {
  document.querySelectorAll(".chart").forEach((place) => (place.dataset.drawn = "no"));
  drawShown();
});

for (const tab of document.querySelectorAll('[role="tab"]')) {
  tab.addEventListener("click", () => {
    for (const other of tab.parentElement.children) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    drawShown();
  });
}

const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
};

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const sign = down ? -1 : 1;
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        return sign * (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true }));
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
    });
  });
}

for (const field of document.querySelectorAll("[data-search]")) {
  const rows = [...field.closest(".searchable").querySelectorAll("tbody tr")];
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

await drawShown();
document.documentElement.dataset.ready = "yes";
