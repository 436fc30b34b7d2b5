// Model outputs reach the page through textContent only: nothing here parses HTML.
const $ = (id) => document.getElementById(id);
const make = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
};
const [TASK, ID, LABEL, TAGS, INPUTS, REFERENCE, ANSWERS, PLACES] = [0, 1, 2, 3, 4, 5, 6, 7];
const [OUTPUT, VALUE, FAILURE, PREDICTED, PASSAGES, PROBLEMS] = [0, 1, 2, 3, 4, 5];
// What an example looks like, and what its row says.
const reading = (data) => {
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
  // Every slice that an example is in, as `by:name`.
  const slicesOf = (row) => [...(row[LABEL] ? [`label:${row[LABEL]}`] : []), ...row[TAGS].map((t) => `tag:${t}`), ...(row[PLACES] || []).map((at) => taskOf(row).slices[at].join(":"))];
  const inputText = (row) => row[INPUTS].map((f) => f[1]).join("\n");
  const paragraph = (text) => {
    const p = make("p", "text", text);
    p.dir = "auto";
    // What may need scrolling is reached by the keyboard.
    if (text.length > 900 || text.split("\n").length > 12) { p.className = "text long"; p.tabIndex = 0; }
    return p;
  };
  // The reference stands first, then the best baseline and the candidates; who was not asked has no box.
  const orderOf = (row) => [...new Set([taskOf(row).best, ...data.candidates, ...data.systems.keys()])].filter((s) => s >= 0 && row[ANSWERS][s]);
  const fieldTable = (row) => {
    const reference = tryJson(row[REFERENCE]);
    if (reference === undefined) return null;
    const want = flat(reference, "", new Map(), 0);
    const got = orderOf(row).map((s) => { const v = tryJson(answer(row, s)[OUTPUT] || ""); return v && typeof v === "object" && !Array.isArray(v) ? flat(v, "", new Map(), 0) : new Map(); });
    const names = [...new Set([...want.keys(), ...got.flatMap((m) => [...m.keys()])])].slice(0, 40);
    const box = make("div", "scroll"), table = make("table", "fields"), head = make("tr"), body = make("tbody");
    box.tabIndex = 0; box.setAttribute("role", "group"); box.setAttribute("aria-label", "Fields by system");
    for (const name of ["field", "reference", ...orderOf(row).map((s) => data.systems[s])]) { const th = make("th", "", name); th.scope = "col"; head.append(th); }
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
  const retrieved = (task, ids) => {
    const box = make("div", "passages", "Retrieved: ");
    for (const id of ids) {
      // An id may be the name of something that every object has.
      const found = Object.hasOwn(task.passages, id) ? task.passages[id] : null;
      if (!found) { box.append(make("code", "", id), " "); continue; }
      const item = make("details"), line = make("summary");
      line.append(make("code", "", id), ` ${found[0]}`);
      item.append(line, paragraph(found[1]));
      box.append(item);
    }
    return box;
  };
  const scoreOf = (task, value) => task.kind !== "capability" ? percent(value) : value == null ? "unscored" : value === 1 ? "right" : value === 0 ? "wrong" : percent(value);
  const answerBox = (row, system) => {
    const a = row[ANSWERS][system], task = taskOf(row), box = make("div", "answer"), head = make("h4", "", data.systems[system] + " ");
    const role = task.kind === "capability" ? "" : system === task.best ? "best baseline · " : data.candidates.includes(system) ? "candidate · " : "";
    const gain = system === task.best || task.kind === "capability" ? null : delta(row, system);
    head.append(make("span", "muted", `${role}${scoreOf(task, a[VALUE])}${gain === null ? "" : `, ${points(gain)}`}`));
    for (const number of a[PROBLEMS] || []) head.append(" ", make("span", "code", data.problems[number]));
    box.append(head);
    if (task.kind === "capability") return box;
    if (a[OUTPUT] == null || a[OUTPUT] === "") box.append(make("p", "muted", "(no output)"));
    else if (row[REFERENCE] && (task.kind === "summarization" || task.kind === "qa")) {
      const p = paragraph(a[OUTPUT]);
      p.textContent = "";
      for (const [kind, words] of wordDiff(row[REFERENCE], a[OUTPUT])) p.append(make(kind, "", joined(words)), " ");
      box.append(p);
      if (task.kind === "summarization" && system !== task.best && task.best >= 0) box.append(...phraseLines(row[REFERENCE], answer(row, task.best)[OUTPUT] || "", a[OUTPUT]));
    } else box.append(paragraph(a[OUTPUT]));
    if (a[PASSAGES] && a[PASSAGES].length) box.append(retrieved(task, a[PASSAGES]));
    return box;
  };
  const phraseLines = (reference, before, after) => phraseChanges(reference, before, after).filter(([, found]) => found.length).map(([kind, found]) => {
    const p = make("p", "phrases", `Phrases of the reference ${kind} against the best baseline: `);
    for (const text of found.slice(0, 12)) p.append(make("q", kind, text), " ");
    return p;
  });
  const drawDetail = (row) => {
    const task = taskOf(row), meta = make("div", "meta"), grid = make("div", "answers"), parts = [];
    meta.append(make("h3", "", `${task.name} / ${row[ID]}`));
    for (const note of [row[LABEL] && `label ${row[LABEL]}`, row[TAGS].length && `tags ${row[TAGS].join(", ")}`]) if (note) meta.append(make("span", "muted", note));
    parts.push(meta);
    for (const [name, text] of row[INPUTS]) parts.push(make("h4", "", name), paragraph(text));
    if (row[REFERENCE]) { const ref = make("div", "answer ref"); ref.append(make("h4", "", "Reference"), paragraph(row[REFERENCE])); grid.append(ref); }
    for (const s of orderOf(row)) grid.append(answerBox(row, s));
    const table = task.kind === "extraction" ? fieldTable(row) : null;
    if (table) parts.push(make("h4", "", "Field by field"), table);
    const silent = data.systems.filter((_, s) => !row[ANSWERS][s]);
    parts.push(make("h4", "", "Answers"), grid);
    if (silent.length) parts.push(make("p", "muted small", `Not asked: ${silent.join(", ")}.`));
    $("detail").replaceChildren(...parts);
  };
  return { answer, delta, inputText, key, points, slicesOf, taskOf, drawDetail };
};
