// Draw the charts in the page's colors, and let the gallery be searched, filtered and sorted. Without this script, the
// sentences below the charts and the whole gallery are still there.
(() => {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const config = () => {
    const [ink, muted, line] = dark.matches ? ["#e4e9ee", "#a5b1bd", "#2d3945"] : ["#1f2933", "#52606d", "#e3e8ee"];
    return {
      background: "transparent",
      aria: false,
      font: "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif",
      view: { stroke: null },
      axis: {
        labelColor: muted, titleColor: muted, titleFontWeight: 400, titlePadding: 10, labelFontSize: 11, titleFontSize: 12,
        gridColor: line, domainColor: line, ticks: false, labelPadding: 6,
      },
      axisX: { grid: false, labelFlush: false },
      legend: { labelColor: ink, orient: "top", symbolType: "stroke", symbolStrokeWidth: 3, labelFontSize: 12 },
      line: { strokeWidth: 2.2 },
    };
  };

  const views = new Map();
  const draw = async (place) => {
    const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
    spec.height = Math.min(spec.height, Math.max(200, Math.round(1.1 * place.clientWidth)));
    views.get(place)?.finalize();
    const options = { actions: false, renderer: "svg", ast: true, tooltip: false, config: config() };
    views.set(place, await window.vegaEmbed(place, spec, options));
    place.querySelector("svg").setAttribute("aria-hidden", "true"); // the place itself is the image, with its label
  };
  const drawAll = () => Promise.all([...document.querySelectorAll(".chart")].map(draw));
  dark.addEventListener("change", drawAll);
  drawAll().then(() => document.documentElement.classList.add("drawn"));

  const list = document.getElementById("products");
  const products = [...list.children].map((item) => ({
    item, text: item.textContent.toLowerCase(), kind: item.dataset.kind, picture: item.dataset.picture,
    error: Number(item.dataset.error), price: Number(item.dataset.price),
  }));
  const [search, kind, picture, order, count, none] = ["search", "kind", "picture", "order", "count", "none"].map(
    (id) => document.getElementById(id),
  );

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const each of products) {
      const fits =
        words.every((word) => each.text.includes(word)) &&
        (!kind.value || kind.value === each.kind) &&
        (!picture.value || picture.value === each.picture);
      each.item.hidden = !fits;
      shown += fits;
    }
    count.textContent = shown === products.length ? `${shown} products` : `${shown} of ${products.length} products`;
    none.hidden = shown > 0;
  };
  const sort = () => {
    const [key, direction] = order.value.split("-");
    const sign = direction === "up" ? 1 : -1;
    list.append(...products.sort((a, b) => sign * (a[key] - b[key])).map((each) => each.item));
  };

  search.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  picture.addEventListener("change", filter);
  order.addEventListener("change", sort);
  search.form.addEventListener("submit", (event) => event.preventDefault());
})();
