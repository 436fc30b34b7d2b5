// The example browser: filters, list, keys, deep links.
(async () => {
  const PAGE = 100;

  // --- theme ---------------------------------------------------------------
  const themes = ["auto", "light", "dark"];
  const remember = (value) => { try { if (value === undefined) return localStorage.getItem("evalgate-theme"); localStorage.setItem("evalgate-theme", value); } catch { /* file:// may forbid storage */ } return null; };
  const setTheme = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
    $("theme").textContent = `Theme: ${name}`;
    $("theme").dataset.name = name;
  };
  setTheme(themes.includes(remember()) ? remember() : "auto");
  $("theme").addEventListener("click", () => {
    const next = themes[(themes.indexOf($("theme").dataset.name) + 1) % themes.length];
    setTheme(next);
    remember(next);
  });

  // --- tips ----------------------------------------------------------------
  const tip = $("tip");
  const showTip = (node) => {
    tip.textContent = node.dataset.tip;
    tip.hidden = !node.dataset.tip;
    node.setAttribute("aria-describedby", "tip");
    const box = node.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.left), document.documentElement.clientWidth - own.width - 8);
    const below = box.bottom + 6 + own.height < window.innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? box.bottom + 6 : Math.max(8, box.top - own.height - 6)}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  // Moving the focus scrolls the page; the focused cell keeps its tip.
  const scrolled = () => { if (tip.hidden) return; if (document.activeElement.dataset.tip) showTip(document.activeElement); else hideTip(); };
  for (const node of document.querySelectorAll("[data-tip]")) {
    node.addEventListener("mouseenter", () => showTip(node));
    node.addEventListener("focus", () => showTip(node));
    node.addEventListener("click", () => showTip(node));
    node.addEventListener("mouseleave", hideTip);
    node.addEventListener("blur", hideTip);
  }
  addEventListener("scroll", scrolled, { passive: true });

  // --- data ----------------------------------------------------------------
  const load = async () => {
    const data = JSON.parse($("data").textContent);
    if (!data.gzip) return data;
    const bytes = Uint8Array.from(atob(data.gzip), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  let data;
  try { data = await load(); } catch { $("count").textContent = "This browser cannot unpack the examples; use a newer one."; return; }
  if (data.limit < 3000) { $("cut").hidden = false; $("cut").textContent = `To keep this file small, texts are cut after ${data.limit.toLocaleString("en")} characters, with a mark; the run's folder has them whole.`; }
  if (data.left_out) { $("left-out").hidden = false; $("left-out").textContent = `${data.left_out.toLocaleString("en")} capability questions that no candidate answers otherwise than the base are left out.`; }
  const { answer, delta, inputText, key, points, slicesOf, taskOf, drawDetail } = reading(data);
  const haystack = new Map();
  const searchable = (row) => {
    if (!haystack.has(row)) haystack.set(row, [row[ID], row[LABEL], inputText(row), row[REFERENCE], ...row[ANSWERS].map((a) => (a && a[OUTPUT]) || "")].join("\n").toLowerCase());
    return haystack.get(row);
  };

  // --- filters ---------------------------------------------------------------
  const option = (select, value, text) => { const o = make("option", "", text); o.value = value; select.append(o); };
  const fill = (id, first, values) => { const s = $(id); s.replaceChildren(); option(s, "", first); values.forEach(([v, t]) => option(s, v, t)); };
  fill("f-task", "all", data.tasks.map((t, i) => [i, t.name]));
  fill("f-system", data.candidates.length ? "first candidate" : "all", data.systems.map((s, i) => [i, s]));
  const used = new Set(data.rows.flatMap((r) => r[ANSWERS].flatMap((a) => (a && a[PROBLEMS]) || [])));
  fill("f-problem", "all", data.problems.map((name, i) => [i, name]).filter(([i]) => used.has(i)));
  const GROUPS = { label: "Labels", tag: "Tags", length: "Length of the input", cluster: "Clusters" };
  const labels = () => {
    const rows = $("f-task").value === "" ? data.rows : data.rows.filter((r) => String(r[TASK]) === $("f-task").value);
    const found = new Set(rows.flatMap(slicesOf)), kept = $("f-label").value;
    const ordered = [...found].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    fill("f-label", "all", []);
    for (const [by, title] of Object.entries(GROUPS)) {
      const own = ordered.filter((slice) => slice.startsWith(`${by}:`)), group = make("optgroup");
      group.label = title;
      own.forEach((slice) => option(group, slice, slice.slice(by.length + 1)));
      if (own.length) $("f-label").append(group);
    }
    $("f-label").value = found.has(kept) ? kept : "";
  };
  labels();
  let shown = [], page = 0, current = null, cell = null;
  const chosen = () => $("f-system").value === "" ? (data.candidates[0] ?? -1) : Number($("f-system").value);
  // Not form.reset(): its event comes late and would undo what is set next.
  const unfilter = () => {
    for (const control of $("filters").elements) { if (control.type === "checkbox") control.checked = false; else if (control.tagName === "SELECT") control.selectedIndex = 0; else if (control.type === "search") control.value = ""; }
    cell = null;
    labels();
  };
  const flipOf = (d) => d === null ? "" : d > 1e-9 ? "better" : d < -1e-9 ? "worse" : "same";
  const compareBy = {
    worst: (s) => (a, b) => (delta(a, s) ?? 9) - (delta(b, s) ?? 9),
    gain: (s) => (a, b) => (delta(b, s) ?? -9) - (delta(a, s) ?? -9),
    score: (s) => (a, b) => (answer(a, s)[VALUE] ?? -1) - (answer(b, s)[VALUE] ?? -1),
    long: () => (a, b) => inputText(b).length - inputText(a).length,
    id: () => (a, b) => a[ID].localeCompare(b[ID], undefined, { numeric: true }),
  };
  const wanted = () => {
    const task = $("f-task").value, flip = $("f-flip").value, label = $("f-label").value, problem = $("f-problem").value;
    const system = chosen(), every = $("f-system").value === "", words = $("f-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const has = (a) => Boolean(a) && (a[PROBLEMS] || []).includes(Number(problem));
    const called = (row, s) => answer(row, s)[PREDICTED] === cell.predicted;
    // A difference counts examples that both answered.
    const onlyOne = (row) => [system, cell.versus].every((s) => answer(row, s)[PREDICTED]) && called(row, system) !== called(row, cell.versus);
    const broken = (a) => !a || a[VALUE] == null || Boolean(a[FAILURE]);
    return (row) => (task === "" || row[TASK] === Number(task))
      && (!flip || flipOf(delta(row, system)) === flip)
      && (!label || slicesOf(row).includes(label))
      && (!problem || (every ? row[ANSWERS].some(has) : has(row[ANSWERS][system])))
      && (!$("f-unscored").checked || (every ? row[ANSWERS].some(broken) : broken(row[ANSWERS][system])))
      && (!cell || (row[LABEL] === cell.true && (cell.versus < 0 ? called(row, system) : onlyOne(row))))
      && words.every((w) => searchable(row).includes(w));
  };
  const apply = (keepPage) => {
    shown = data.rows.filter(wanted());
    const sort = compareBy[$("f-sort").value];
    if (sort) shown.sort(sort(chosen()));
    if (!keepPage) page = 0;
    $("count").textContent = `${shown.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")} examples`;
    $("chip").hidden = !cell;
    $("chip").replaceChildren();
    if (cell) {
      const words = `${cell.true} called ${cell.predicted}${cell.versus < 0 ? "" : ` by only one of ${data.systems[chosen()]} and ${data.systems[cell.versus]}`}`;
      const button = make("button", "", `${words} ✕`);
      button.type = "button";
      button.setAttribute("aria-label", `Remove the filter: ${words}`);
      button.addEventListener("click", () => { cell = null; apply(); });
      $("chip").append(button);
    }
    drawList();
  };

  // --- list ------------------------------------------------------------------
  const drawList = () => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE)), system = chosen();
    $("list").replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map((row) => {
      const item = make("li"), button = make("button"), d = delta(row, system);
      button.type = "button";
      button.append(make("span", "who", `${taskOf(row).name} / ${row[ID]}`), make("span", d === null ? "muted" : `delta ${d < 0 ? "down" : d > 0 ? "up" : ""}`, d === null ? "" : points(d)));
      const start = make("span", "clip", inputText(row).slice(0, 120));
      start.dir = "auto";
      button.append(start);
      if (row === current) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => { choose(row, true); if (narrow()) reveal($("list")); });
      item.append(button);
      return item;
    }));
    $("page").textContent = `Page ${page + 1} of ${pages}`;
    $("page-prev").disabled = page === 0;
    $("page-next").disabled = page >= pages - 1;
  };
  const turn = (by) => { page += by; drawList(); $("list").scrollTop = 0; };

  // --- choosing ----------------------------------------------------------------
  // On a phone the answers stand below the list, so they are what must come into view.
  const narrow = () => matchMedia("(max-width: 46rem)").matches;
  const reveal = (wide) => (narrow() ? $("detail") : wide).scrollIntoView();
  const choose = (row, link) => {
    current = row;
    const at = shown.indexOf(row);
    if (at >= 0) page = Math.floor(at / PAGE);
    drawList();
    drawDetail(row);
    const mark = $("list").querySelector("[aria-current]");
    if (mark) { const l = $("list"), top = mark.parentElement.offsetTop - l.offsetTop; if (top < l.scrollTop || top + 50 > l.scrollTop + l.clientHeight) l.scrollTop = top - 80; }
    if (link) history.replaceState(null, "", `#example=${key(row)}`);
  };
  const step = (by) => {
    if (!shown.length) return;
    const at = shown.indexOf(current);
    choose(shown[at < 0 ? 0 : Math.min(Math.max(at + by, 0), shown.length - 1)], true);
  };
  const follow = () => {
    const wantedKey = /^#example=(.+)$/.exec(location.hash);
    if (!wantedKey) return;
    let name = wantedKey[1];
    try { name = decodeURIComponent(name); } catch { /* not ours: found nowhere */ }
    const row = data.rows.find((r) => `${taskOf(r).name}/${r[ID]}` === name);
    if (!row) { $("count").textContent = "The linked example is not in this report."; return; }
    if (!shown.includes(row)) { unfilter(); apply(); }
    choose(row, false);
    reveal($("examples"));
    $("detail").focus({ preventScroll: true });
  };

  // --- events ------------------------------------------------------------------
  let waiting = 0;
  $("filters").addEventListener("input", (event) => {
    if (event.target.id === "f-task") labels();
    if (event.target.id !== "f-search" && event.target.id !== "f-sort") cell = null;
    clearTimeout(waiting);
    waiting = setTimeout(apply, event.target.id === "f-search" ? 120 : 0);
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("reset", (event) => { event.preventDefault(); unfilter(); apply(); });
  $("page-prev").addEventListener("click", () => turn(-1));
  $("page-next").addEventListener("click", () => turn(1));
  const list = (d) => {
    unfilter();
    const pick = (id, names, name) => { $(id).value = name === undefined || !names.includes(name) ? "" : String(names.indexOf(name)); };
    pick("f-task", data.tasks.map((t) => t.name), d.task);
    pick("f-system", data.systems, d.system);
    $("f-flip").value = d.flip ?? "";
    $("f-problem").value = d.problem ?? "";
    $("f-sort").value = d.flip === "worse" ? "worst" : d.flip === "better" ? "gain" : "order";
    cell = d.true === undefined ? null : { true: d.true, predicted: d.predicted, versus: d.versus === undefined ? -1 : data.systems.indexOf(d.versus) };
    labels();
    $("f-label").value = d.label === undefined ? "" : `${d.by}:${d.label}`;
    apply();
    if (shown.length) choose(shown[0], true);
    $("examples").scrollIntoView();
    const first = $("list").querySelector("button");
    if (first) first.focus({ preventScroll: true });
  };
  for (const button of document.querySelectorAll("button[data-task]")) button.addEventListener("click", () => list(button.dataset));
  // One listener a matrix: hundreds of cells would weigh.
  for (const table of document.querySelectorAll("table[data-cm]")) {
    table.addEventListener("click", (event) => {
      const button = event.target.closest("button.cell");
      if (button) list({ task: table.dataset.cm, system: table.dataset.of, versus: table.dataset.versus, true: button.closest("tr").dataset.true, predicted: table.tHead.rows[0].cells[button.parentElement.cellIndex].dataset.label });
    });
  }
  // Paper has no clicks: what is folded is opened, and folded again.
  let folded = [];
  addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details.words:not([open]), details.side:not([open])")]; for (const d of folded) d.open = true; });
  addEventListener("afterprint", () => { for (const d of folded) d.open = false; });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTip();
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/") { event.preventDefault(); $("f-search").focus(); }
  });
  addEventListener("hashchange", follow);
  apply();
  follow();
  if (!current && shown.length) choose(shown[0], false);
  document.documentElement.dataset.ready = "true";
})();
