// Model outputs reach the page through textContent only: nothing here parses HTML.
(async () => {
  const $ = (id) => document.getElementById(id);
  const make = (tag, cls, text) => {
    const node = document.createElement(tag);
    if (cls) node.className = cls;
    if (text !== undefined) node.textContent = text;
    return node;
  };
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
  const [TASK, ID, LABEL, TAGS, INPUTS, REFERENCE, ANSWERS] = [0, 1, 2, 3, 4, 5, 6];
  const [OUTPUT, VALUE, FAILURE, PREDICTED, PASSAGES] = [0, 1, 2, 3, 4];
  const taskOf = (row) => data.tasks[row[TASK]];
  const answer = (row, system) => row[ANSWERS][system] || [];
  const delta = (row, system) => {
    const best = taskOf(row).best;
    if (best < 0 || system < 0) return null;
    const before = answer(row, best)[VALUE], after = answer(row, system)[VALUE];
    return before == null || after == null ? null : after - before;
  };
  const key = (row) => `${encodeURIComponent(taskOf(row).name)}/${encodeURIComponent(row[ID])}`;
  const points = (x) => x === null ? "n/a" : `${x > 0 ? "+" : x < 0 ? "−" : ""}${(Math.abs(x) * 100).toFixed(1)} points`;
  const percent = (x) => x == null ? "unscored" : `${(x * 100).toFixed(1)}%`;
  const inputText = (row) => row[INPUTS].map((f) => f[1]).join("\n");
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
  const labels = () => {
    const rows = $("f-task").value === "" ? data.rows : data.rows.filter((r) => String(r[TASK]) === $("f-task").value);
    const found = new Set(rows.flatMap((r) => [r[LABEL], ...r[TAGS]]).filter(Boolean));
    const kept = $("f-label").value;
    fill("f-label", "all", [...found].sort().map((l) => [l, l]));
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
    const task = $("f-task").value, flip = $("f-flip").value, label = $("f-label").value;
    const system = chosen(), every = $("f-system").value === "", words = $("f-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const broken = (a) => !a || a[VALUE] == null || Boolean(a[FAILURE]);
    return (row) => (task === "" || row[TASK] === Number(task))
      && (!flip || flipOf(delta(row, system)) === flip)
      && (!label || row[LABEL] === label || row[TAGS].includes(label))
      && (!$("f-unscored").checked || (every ? row[ANSWERS].some(broken) : broken(row[ANSWERS][system])))
      && (!cell || (row[LABEL] === cell.true && answer(row, system)[PREDICTED] === cell.predicted))
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
      const button = make("button", "", `${cell.true} called ${cell.predicted} ✕`);
      button.type = "button";
      button.setAttribute("aria-label", `Remove the filter: ${cell.true} called ${cell.predicted}`);
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

  // --- detail ------------------------------------------------------------------
  const paragraph = (text) => { const p = make("p", "text", text); p.dir = "auto"; return p; };
  const fieldTable = (row) => {
    const reference = tryJson(row[REFERENCE]);
    if (reference === undefined) return null;
    const want = flat(reference, "", new Map(), 0);
    const got = data.systems.map((_, s) => { const v = tryJson(answer(row, s)[OUTPUT] || ""); return v && typeof v === "object" && !Array.isArray(v) ? flat(v, "", new Map(), 0) : new Map(); });
    const names = [...new Set([...want.keys(), ...got.flatMap((m) => [...m.keys()])])].slice(0, 40);
    const box = make("div", "scroll"), table = make("table", "fields"), head = make("tr"), body = make("tbody");
    box.tabIndex = 0; box.setAttribute("role", "region"); box.setAttribute("aria-label", "Fields by system");
    for (const name of ["field", "reference", ...data.systems]) { const th = make("th", "", name); th.scope = "col"; head.append(th); }
    for (const name of names) {
      const tr = make("tr"), th = make("th"), ref = make("td");
      th.scope = "row"; th.append(make("code", "", name)); ref.append(make("code", "", want.get(name) ?? "")); tr.append(th, ref);
      for (const fields of got) {
        const td = make("td");
        if (fields.has(name) || want.has(name)) { const [cls, words] = fieldState(want.get(name), fields.get(name)); td.className = `f-${cls}`; td.append(make("code", "", fields.get(name) ?? ""), make("span", "state", words)); }
        tr.append(td);
      }
      body.append(tr);
    }
    const thead = make("thead"); thead.append(head); table.append(thead, body); box.append(table);
    return box;
  };
  const answerBox = (row, system) => {
    const a = row[ANSWERS][system], task = taskOf(row), box = make("div", "answer"), head = make("h4", "", data.systems[system] + " ");
    const role = system === task.best ? "best baseline · " : data.candidates.includes(system) ? "candidate · " : "";
    head.append(make("span", "muted", a ? `${role}${percent(a[VALUE])}${system === task.best ? "" : delta(row, system) === null ? "" : `, ${points(delta(row, system))}`}` : "not asked"));
    if (a && a[FAILURE]) head.append(" ", make("span", "code", a[FAILURE]));
    box.append(head);
    if (!a) return box;
    if (a[OUTPUT] == null || a[OUTPUT] === "") box.append(make("p", "muted", "(no output)"));
    else if (row[REFERENCE] && (task.kind === "summarization" || task.kind === "qa")) {
      const p = paragraph("");
      for (const [kind, words] of wordDiff(row[REFERENCE], a[OUTPUT])) p.append(make(kind, "", words.join(" ")), " ");
      box.append(p);
    } else box.append(paragraph(a[OUTPUT]));
    if (a[PASSAGES] && a[PASSAGES].length) { const p = make("p", "passages", "Retrieved: "); a[PASSAGES].forEach((c) => p.append(make("code", "", c))); box.append(p); }
    return box;
  };
  const drawDetail = (row) => {
    const task = taskOf(row), meta = make("div", "meta"), grid = make("div", "answers"), parts = [];
    meta.append(make("h3", "", `${task.name} / ${row[ID]}`));
    for (const note of [row[LABEL] && `label ${row[LABEL]}`, row[TAGS].length && `tags ${row[TAGS].join(", ")}`]) if (note) meta.append(make("span", "muted", note));
    parts.push(meta);
    for (const [name, text] of row[INPUTS]) parts.push(make("h4", "", name), paragraph(text));
    if (row[REFERENCE]) { const ref = make("div", "answer ref"); ref.append(make("h4", "", "Reference"), paragraph(row[REFERENCE])); grid.append(ref); }
    data.systems.forEach((_, s) => grid.append(answerBox(row, s)));
    const table = task.kind === "extraction" ? fieldTable(row) : null;
    if (table) parts.push(make("h4", "", "Field by field"), table);
    $("detail").replaceChildren(...parts, make("h4", "", "Answers"), grid);
  };
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
  for (const button of document.querySelectorAll("button[data-task]")) {
    button.addEventListener("click", () => {
      const d = button.dataset;
      unfilter();
      $("f-task").value = String(data.tasks.findIndex((t) => t.name === d.task));
      $("f-system").value = String(data.systems.indexOf(d.system));
      $("f-flip").value = d.flip ?? "";
      $("f-sort").value = d.flip === "worse" ? "worst" : d.flip === "better" ? "gain" : "order";
      cell = d.true === undefined ? null : { true: d.true, predicted: d.predicted };
      labels();
      apply();
      if (shown.length) choose(shown[0], true);
      $("examples").scrollIntoView();
      const first = $("list").querySelector("button");
      if (first) first.focus({ preventScroll: true });
    });
  }
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
