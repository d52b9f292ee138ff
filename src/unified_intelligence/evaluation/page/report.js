"use strict";
// The table of samples. What a model wrote is only ever put into the document as text.
(() => {
  const PAGE = 50;
  const data = JSON.parse(document.getElementById("data").textContent);
  const place = (id) => document.getElementById(id);
  const [search, outcome, fault, slice, order] = ["search", "outcome", "fault", "slice", "order"].map(place);
  let page = 0;

  const made = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const duration = (seconds) => seconds < 1 ? `${Math.round(seconds * 10000) / 10} ms` : `${seconds.toPrecision(3)} s`;

  const choices = (select, values) => {
    const counted = new Map();
    for (const value of values) if (value) counted.set(value, (counted.get(value) || 0) + 1);
    select.append(new Option("all", ""));
    for (const [value, n] of [...counted].sort((one, other) => other[1] - one[1])) {
      select.append(new Option(`${value} (${n})`, value));
    }
    select.closest("label").hidden = counted.size === 0;
  };

  const asked = (row) => row.question.length ? row.question[row.question.length - 1].content : "";
  for (const row of data.rows) {
    row.searched = [row.id, row.text, row.reasoning, row.error, ...row.calls, ...row.question.map((turn) => turn.content)]
      .join("\n").toLowerCase();
  }
  choices(outcome, data.rows.map((row) => row.outcome));
  choices(fault, data.rows.map((row) => row.fault));
  choices(slice, data.rows.flatMap((row) => row.slices));

  const found = () => {
    const wanted = search.value.trim().toLowerCase();
    const rows = data.rows.filter((row) =>
      (!wanted || row.searched.includes(wanted)) &&
      (!outcome.value || row.outcome === outcome.value) &&
      (!fault.value || row.fault === fault.value) &&
      (!slice.value || row.slices.includes(slice.value)));
    const by = order.value;
    return by ? [...rows].sort((one, other) => (other[by] ?? -1) - (one[by] ?? -1)) : rows;
  };

  const block = (into, name, text) => {
    if (!text) return;
    into.append(made("h3", "", name), made("pre", "", text));
  };

  const details = (row) => {
    const into = made("div", "sample");
    for (const turn of row.question) block(into, turn.role, turn.content);
    block(into, "tools", row.tools.join(", "));
    block(into, "expected", row.reference === null ? "" : JSON.stringify(row.reference, null, 2));
    block(into, "error", row.error);
    block(into, "reasoning", row.reasoning);
    block(into, "answer", row.text);
    block(into, "calls", row.calls.join("\n"));
    const kept = { ...row.gates, ...row.verdicts };
    if (Object.keys(kept).length) {
      const list = made("ul", "gates");
      for (const [name, holds] of Object.entries(kept)) {
        list.append(made("li", holds ? "kept" : "missed", `${name}: ${holds ? "yes" : "no"}`));
      }
      into.append(made("h3", "", "gates and verdicts"), list);
    }
    block(into, "numbers", Object.entries(row.numbers).map(([name, value]) => `${name} ${value}`).join("\n"));
    block(into, "note", row.note);
    if (data.disputed[row.id]) block(into, "disputed", data.disputed[row.id]);
    const told = [["end of the answer", row.end], ["tokens", row.tokens], ["seconds", row.seconds], ["epoch", row.epoch]];
    block(into, "told", told.filter(([, value]) => value !== null && value !== "").map((pair) => pair.join(": ")).join("\n"));
    return into;
  };

  const item = (row) => {
    const line = made("li");
    const button = made("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    const fine = row.fault && row.fault !== row.outcome ? `${row.fault} · ` : "";
    button.append(
      made("span", `end ${row.outcome}`, row.outcome),
      made("span", "id", data.epochs > 1 ? `${row.id} · ${row.epoch}` : row.id),
      made("span", "asked", fine + asked(row)),
      made("span", "took", row.seconds === null ? "" : duration(row.seconds)));
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) line.lastElementChild.remove();
      else line.append(details(row));
    });
    line.append(button);
    return line;
  };

  const show = () => {
    const rows = found();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    page = Math.min(page, pages - 1);
    place("rows").replaceChildren(...rows.slice(page * PAGE, (page + 1) * PAGE).map(item));
    place("found").textContent = `${rows.length} of ${data.rows.length}`;
    place("page").textContent = `${page + 1} of ${pages}`;
    place("pages").hidden = pages === 1;
    place("back").disabled = page === 0;
    place("next").disabled = page === pages - 1;
  };

  const turn = (by) => { page += by; show(); place("samples").scrollIntoView(); };
  place("back").addEventListener("click", () => turn(-1));
  place("next").addEventListener("click", () => turn(1));
  for (const field of [search, outcome, fault, slice, order]) {
    field.addEventListener("input", () => { page = 0; show(); });
  }
  place("filters").addEventListener("submit", (event) => event.preventDefault());
  show();
})();
