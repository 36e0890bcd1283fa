// The table: buttons, keys, and texts edited in place. One request is under way at a time; what is done meanwhile waits, so that
// it is done on the rows as they are then. The current row is known to this window alone.
const waiting = [];
const PATIENCE_MS = 60000; // after an answer that never came, keys and buttons work again
let busy = false;
let timer = null;
let here = null; // the current row, which another rendering does not mark
let newest = null; // the last answer, by its turn: the rows as they were when the page was loaded have the first turn, and may come late
let editing = null;

const root = () => element.querySelector(".p2m-review");
const turn = () => Number(root()?.dataset.turn ?? 0);
const rows = () => [...element.querySelectorAll("tr[data-row]")];
const find = (place) => rows().find((row) => row.dataset.row === place);
const current = () => element.querySelector("tr.current");

function mark(row, scroll) {
  here = row?.dataset.row ?? null;
  for (const one of rows()) one.classList.toggle("current", one === row);
  if (row && scroll) row.scrollIntoView({ block: "nearest" });
}

function send(what) {
  busy = true;
  clearTimeout(timer);
  timer = setTimeout(() => {
    busy = false;
    waiting.length = 0;
  }, PATIENCE_MS);
  trigger("submit", what);
}

function act(what) {
  if (busy) waiting.push(what);
  else what();
}

function onRow(row, what) {
  send({ ...what, row: Number(row.dataset.row), seen: Number(row.dataset.seen) });
}

// The row as it is after an answer that came meanwhile.
function again(row) {
  return find(row.dataset.row) ?? row;
}

function step(by) {
  const all = rows();
  const at = all.indexOf(current()) + by;
  if (all[at]) mark(all[at], true);
  else {
    const to = [...element.querySelectorAll("button[data-do=page]")].find(
      (button) => button.textContent === (by > 0 ? "Next page" : "Previous page"),
    );
    if (to && !to.disabled) send({ do: "page", at: Number(to.dataset.at) + (by > 0 ? 0 : all.length - 1) });
  }
}

function edit(cell) {
  if (editing || !cell) return;
  const text = cell.textContent;
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-label", cell.dataset.field);
  editing = { cell, text, area, row: cell.closest("tr") };
  mark(editing.row, false);
  cell.textContent = "";
  cell.append(area);
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 4}px`;
  };
  area.addEventListener("input", fit);
  area.addEventListener("blur", () => leave(true));
  fit();
  area.focus();
}

function leave(keep) {
  if (!editing) return;
  const { cell, text, area, row } = editing;
  editing = null;
  const written = area.value;
  cell.textContent = text;
  // Line breaks of other kinds are one kind in a textarea: a text is changed where a person changed it.
  if (!keep || written === text.replace(/\r\n?/g, "\n")) return;
  const told = { do: "edit", field: cell.dataset.field, text: written };
  const where = { row: Number(row.dataset.row), seen: Number(row.dataset.seen) };
  act(() => send({ ...told, ...where }));
}

const keys = {
  j: () => step(1),
  arrowdown: () => step(1),
  k: () => step(-1),
  arrowup: () => step(-1),
  a: () => current() && onRow(current(), { do: "accept" }),
  r: () => current() && onRow(current(), { do: "remove" }),
  delete: () => current() && onRow(current(), { do: "remove" }),
  e: () => edit(current()?.querySelector("[data-field=output]")),
  enter: () => edit(current()?.querySelector("[data-field=output]")),
  i: () => edit(current()?.querySelector("[data-field=input]")),
  u: () => send({ do: "undo" }),
  y: () => element.querySelector("[data-do=like]") && send({ do: "like", at: 0 }),
};

function pressed(event) {
  if (!document.contains(element)) return;
  if (editing) {
    if (event.key === "Escape") leave(false);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) leave(true);
    else return;
    event.preventDefault();
    return;
  }
  const elsewhere = event.target.closest("input, textarea, select, button, [contenteditable], [role=listbox]");
  const does = keys[event.key.toLowerCase()];
  if (!does || elsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act(does);
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  const row = event.target.closest("tr[data-row]");
  if (button) {
    button.blur();
    const what = { do: button.dataset.do };
    if (button.dataset.at) what.at = Number(button.dataset.at);
    act(() => (row ? onRow(again(row), what) : send(what)));
  } else if (row && !event.target.closest("textarea")) {
    const field = event.target.closest(".cell")?.dataset.field;
    act(() => {
      mark(again(row), false);
      if (field) edit(again(row).querySelector(`[data-field=${field}]`));
    });
  }
});

element.addEventListener("change", (event) => {
  if (event.target.dataset.page === undefined) return;
  const page = Math.max(1, Math.min(Number(event.target.max), Math.round(Number(event.target.value)) || 1));
  const size = Number(root().dataset.size);
  event.target.blur();
  act(() => send({ do: "page", at: (page - 1) * size }));
});

document.addEventListener("keydown", pressed);

function shown() {
  if (newest && turn() < newest.turn) {
    props.value = newest.value;
    setTimeout(() => mark(find(here), false));
    return;
  }
  if (newest && turn() === newest.turn) {
    newest.value = props.value;
    mark(find(here) ?? rows()[0], false);
    return;
  }
  newest = { turn: turn(), value: props.value };
  const open = editing;
  editing = null;
  busy = false;
  clearTimeout(timer);
  mark(find(root()?.dataset.current) ?? rows()[0], true);
  if (open && document.contains(again(open.row))) {
    // The answer to a search came while a person was writing: what was written stays.
    edit(again(open.row).querySelector(`[data-field=${open.cell.dataset.field}]`));
    editing.area.value = open.area.value;
  }
  // What was done meanwhile is done now; a step within the page needs no answer, so the next one follows at once.
  while (waiting.length && !busy) waiting.shift()();
}

watch("value", shown);
shown();
