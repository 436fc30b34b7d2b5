"use strict";
// Comparing a text or a JSON value with its reference; the server side does the same in evidence.py.
const MAX_WORDS = 500;
// Han and kana are written without spaces between words: each character counts as a word.
const UNSPACED = "\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff";
// With their own punctuation.
const CLOSE = `${UNSPACED}\\u3001-\\u303f\\uff01-\\uff65`, close = new RegExp(`[${CLOSE}]`);
const tokens = (text) => text.match(new RegExp(`[${CLOSE}]|[^\\s${CLOSE}]+`, "g")) || [];
const joined = (words) => words.reduce((text, word) => !text || (close.test(text.slice(-1)) && close.test(word[0])) ? text + word : `${text} ${word}`, "");
// Longest common subsequence of words: what a text adds to and leaves out of the reference.
const wordDiff = (a, b) => {
  const x = tokens(a).slice(0, MAX_WORDS), y = tokens(b).slice(0, MAX_WORDS);
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
// JSON may spell out what must not be obeyed; the server side has cleaned everything else.
const visible = (text) => text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
const tryJson = (text) => {
  for (const piece of [text, text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)]) { try { return JSON.parse(piece); } catch { /* prose around it, or no JSON at all */ } }
  return undefined;
};
const flat = (value, path, out, depth) => {
  if (depth < 6 && value && typeof value === "object" && Object.keys(value).length) for (const k of Object.keys(value)) flat(value[k], Array.isArray(value) ? `${path}[${k}]` : path ? `${path}.${k}` : k, out, depth + 1);
  else out.set(visible(path) || "(whole)", visible(JSON.stringify(value)));
  return out;
};
const kindOf = (json) => /^"/.test(json) ? "s" : /^[\d-]/.test(json) ? "n" : /^[tf]/.test(json) ? "b" : json[0];
const fieldState = (want, got) => got === undefined ? ["missing", "missing"] : want === undefined ? ["extra", "extra"] : kindOf(want) !== kindOf(got) ? ["type", "wrong type"] : want === got ? ["same", "same"] : ["wrong", "wrong value"];
// Phrases of the reference that one text has and the other has not: runs of pairs of words.
const LETTER = `(?![${UNSPACED}])[\\p{L}\\p{N}_]`;
const WORD = new RegExp(`[${UNSPACED}]|(?:${LETTER})+(?:['’.\\-](?:${LETTER})+)*`, "gu");
const wordsOf = (text) => (text.slice(0, 4800).toLowerCase().match(WORD) || []).slice(0, 400);
const pairsOf = (words) => new Set(words.slice(1).map((w, i) => `${words[i]} ${w}`));
const phrasesOf = (words, has) => {
  const runs = [];
  let last = -2;
  for (let i = 0; i + 1 < words.length; i++) if (has(`${words[i]} ${words[i + 1]}`)) { if (last === i - 1) runs[runs.length - 1].push(words[i + 1]); else runs.push([words[i], words[i + 1]]); last = i; }
  return [...new Set(runs.map(joined))];
};
const phraseChanges = (reference, before, after) => {
  const words = wordsOf(reference), old = pairsOf(wordsOf(before)), now = pairsOf(wordsOf(after));
  return [["gained", phrasesOf(words, (p) => now.has(p) && !old.has(p))], ["lost", phrasesOf(words, (p) => old.has(p) && !now.has(p))]];
};
