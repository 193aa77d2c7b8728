"use strict";
// A long table of which only the lines in sight are elements. It is filtered by words and selects,
// sorted by its heads, and moved in by keys: arrows, Page, Home and End; Enter opens a line.
//
// `at` has its elements; a column is [title, key to sort by, its class and child]; a select is
// [element, values, labels, function that tells if an item fits a value]; `rank` is the order of an
// unsorted table.

function longTable({ h, options }, { at, items, noun, columns, selects, words, rank, open }) {
  const { grid, head, body, filter, form, count } = at;
  const PRINTED = 1000;
  const collator = new Intl.Collator("en", { numeric: true });
  const said = items.map((one) => words(one).toLowerCase());
  let shown = [];
  let here = 0;
  let sorted = [-1, 1]; // a column's place, -1 for none, and its direction
  let top = 0; // the first line that is an element

  function compare(a, b) {
    return typeof a === "number" && typeof b === "number" ? a - b || 0 : collator.compare(a, b);
  }

  function show() {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = items.filter((one, place) =>
      selects.every(([select, , , fits]) => !select.value || fits(one, select.value))
      && wanted.every((word) => said[place].includes(word)));
    const [column, way] = sorted;
    const key = column < 0 ? rank : columns[column][1];
    const kept = new Map(shown.map((one) => [one, key(one)]));
    shown.sort((a, b) => way * compare(kept.get(a), kept.get(b)));
    here = 0;
    grid.scrollTop = 0;
    grid.setAttribute("aria-rowcount", shown.length + 1);
    const [some, all] = [shown.length, items.length].map((size) => size.toLocaleString("en"));
    count.textContent = some === all ? `${all} ${noun}s` : `${some} of ${all} ${noun}s`;
    draw();
  }

  const size = () => parseFloat(getComputedStyle(document.documentElement).fontSize)
    * parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));

  const above = (high) => Math.max(0, Math.floor(grid.scrollTop / high) - 8);

  // Lines are replaced only when others come into sight: a click may have begun on one of them.
  function scrolled() {
    if (above(size()) !== top) draw();
  }

  function draw(all = false) {
    const high = size();
    body.style.height = `${Math.max(shown.length, 1) * high}px`;
    const first = all ? 0 : above(high);
    top = first;
    const most = all ? PRINTED : Math.ceil(grid.clientHeight / high) + 16;
    const lines = shown.slice(first, first + most).map((one, place) => line(one, first + place, high));
    if (!shown.length) lines.push(note(`no ${noun} fits: clear the filter to see them all`));
    if (all && shown.length > most) lines.push(note(`and ${shown.length - most} more`));
    body.replaceChildren(...lines);
    const active = document.getElementById(`${grid.id}-${here}`);
    if (active) grid.setAttribute("aria-activedescendant", active.id);
    else grid.removeAttribute("aria-activedescendant");
  }

  const note = (text) =>
    h("div", { class: "empty", role: "row" }, h("span", { role: "gridcell" }, text));

  function line(one, place, high) {
    const cells = columns.map(([, , cell]) => {
      const [name, child] = cell(one);
      return h("span", { role: "gridcell", class: name }, child);
    });
    const element = h("div", {
      role: "row", class: "line", id: `${grid.id}-${place}`, "aria-rowindex": place + 2,
      "aria-selected": String(place === here), "data-id": one.id,
      onclick: () => { here = place; draw(); open(one); },
    }, cells);
    element.style.top = `${place * high}px`;
    return element;
  }

  function move(to) {
    here = Math.max(0, Math.min(shown.length - 1, to));
    const high = size();
    const at = here * high;
    const seen = grid.clientHeight - head.offsetHeight;
    if (at < grid.scrollTop) grid.scrollTop = at;
    else if (at + high > grid.scrollTop + seen) grid.scrollTop = at + high - seen;
    draw();
  }

  function key(event) {
    if (event.target !== grid) return;
    const page = Math.max(1, Math.floor(grid.clientHeight / size()) - 2);
    const moves = {
      ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page,
      Home: 0, End: shown.length - 1,
    };
    if (event.key in moves) move(moves[event.key]);
    else if (event.key === "Enter" && shown[here]) open(shown[here]);
    else return;
    event.preventDefault();
  }

  function clear(event) {
    if (event.key !== "Escape") return;
    filter.value = "";
    show();
    grid.focus();
  }

  function sort(column) {
    const [before, way] = sorted;
    sorted = before !== column ? [column, 1] : way === 1 ? [column, -1] : [-1, 1];
    heads();
    show();
  }

  function heads() {
    head.replaceChildren(...columns.map(([title], place) => {
      const way = sorted[0] === place ? sorted[1] : 0;
      const state = way ? (way > 0 ? "ascending" : "descending") : "none";
      const arrow = way ? (way > 0 ? " ↑" : " ↓") : "";
      return h("span", { role: "columnheader", "aria-sort": state },
        h("button", { type: "button", class: "sort", onclick: () => sort(place) }, title + arrow));
    }));
  }

  function start() {
    for (const [select, values, labels] of selects) {
      options(select, values, labels);
      select.addEventListener("change", show);
    }
    filter.addEventListener("input", show);
    filter.addEventListener("keydown", clear);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      grid.focus();
    });
    grid.addEventListener("scroll", scrolled);
    grid.addEventListener("keydown", key);
    addEventListener("resize", () => draw());
    addEventListener("beforeprint", () => draw(true));
    addEventListener("afterprint", () => draw());
    heads();
    show();
  }

  return { start, show };
}
