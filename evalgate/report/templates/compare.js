"use strict";
// Comparing a text or a JSON value with its reference; the server side does the same in evidence.py.
const MAX_WORDS = 500;
// Longest common subsequence of words: what a text adds to and leaves out of the reference.
const wordDiff = (a, b) => {
  const x = a.split(/\s+/).filter(Boolean).slice(0, MAX_WORDS), y = b.split(/\s+/).filter(Boolean).slice(0, MAX_WORDS);
  const lx = x.map((w) => w.toLowerCase()), ly = y.map((w) => w.toLowerCase());
  const t = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--) for (let j = y.length - 1; j >= 0; j--) t[i][j] = lx[i] === ly[j] ? t[i + 1][j + 1] + 1 : Math.max(t[i + 1][j], t[i][j + 1]);
  const runs = [];
  const push = (kind, word) => { const last = runs[runs.length - 1]; if (last && last[0] === kind) last[1].push(word); else runs.push([kind, [word]]); };
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && lx[i] === ly[j]) { push("span", y[j]); i++; j++; }
    else if (i < x.length && (j >= y.length || t[i + 1][j] >= t[i][j + 1])) push("del", x[i++]);
    else push("ins", y[j++]);
  }
  return runs;
};
const tryJson = (text) => {
  for (const piece of [text, text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)]) { try { return JSON.parse(piece); } catch { /* prose around it, or no JSON at all */ } }
  return undefined;
};
const flat = (value, path, out, depth) => {
  if (depth < 6 && value && typeof value === "object" && Object.keys(value).length) for (const k of Object.keys(value)) flat(value[k], Array.isArray(value) ? `${path}[${k}]` : path ? `${path}.${k}` : k, out, depth + 1);
  else out.set(path || "(whole)", JSON.stringify(value));
  return out;
};
const kindOf = (json) => /^"/.test(json) ? "s" : /^[\d-]/.test(json) ? "n" : /^[tf]/.test(json) ? "b" : json[0];
const fieldState = (want, got) => got === undefined ? ["missing", "missing"] : want === undefined ? ["extra", "extra"] : kindOf(want) !== kindOf(got) ? ["type", "wrong type"] : want === got ? ["same", "same"] : ["wrong", "wrong value"];
