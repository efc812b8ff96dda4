"use strict";
// What is decided on the page of an audit: kept in the browser, saved as audit.csv, loaded again. What names,
// labels and cells hold comes from the block of data or a file that is loaded, and is only ever set as text.

const audit = JSON.parse(document.getElementById("data").textContent);
const { photographs, labels } = audit; // photographs with a `line` are rows of audit.csv, in its order
const $ = (id) => document.getElementById(id);
const made = (template) => $(template).content.firstElementChild.cloneNode(true);
const rows = [...photographs.keys()].filter((i) => photographs[i].line !== undefined);
$("data").remove();

// What is decided --------------------------------------------------------------------------------------

const NONE = ["", ""]; // the two last cells of a row: the decision and the new label
const WORDS = { keep: ["keep", ""], drop: ["drop", ""] };
const decided = photographs.map((photograph) => photograph.decided || NONE);
const past = []; // what to go back to, step by step
const same = (a, b) => a[0] === b[0] && a[1] === b[1];
const kind = (i) => (decided[i][1] ? "label" : decided[i][0]);

function decide(changes) { // pairs of a photograph's number and its two cells
  const fresh = changes.filter(([i, words]) => !same(words, decided[i]));
  if (!fresh.length) return;
  past.push(fresh.map(([i]) => [i, decided[i]]));
  set(fresh);
}

function undo() {
  if (past.length) set(past.pop());
}

function set(changes) {
  for (const [i, words] of changes) {
    decided[i] = words;
    for (const card of cards[i]) mark(card.node, i);
  }
  if (large.open) enlarge();
  count();
  remember();
}

// ... and kept in this browser, for this very audit

const key = `cervix-tf audit ${audit.key}`;

function remember() {
  try {
    const done = rows.filter((i) => kind(i)).map((i) => [i, decided[i]]);
    localStorage.setItem(key, JSON.stringify(done));
  } catch {
    say("This browser keeps nothing: save your decisions before you leave the page.");
  }
}

function recall(stored) {
  if (!stored) return;
  const done = new Map(JSON.parse(stored));
  set(rows.map((i) => [i, done.get(i) || NONE]).filter(([i, words]) => !same(words, decided[i])));
}

// audit.csv --------------------------------------------------------------------------------------------

const cells = new Map(labels.map((label) => [label.name, label.cell]));
const places = new Map(rows.map((i) => [photographs[i].path, i]));

function written() {
  const line = (i) => [photographs[i].line, decided[i][0], cells.get(decided[i][1]) || ""].join(",");
  return [audit.header, ...rows.map(line), ""].join("\n");
}

function decoded(bytes) {
  const [a, b] = bytes;
  const little = (a === 0xff && b === 0xfe) || b === 0;
  const big = (a === 0xfe && b === 0xff) || a === 0;
  const name = little ? "utf-16le" : big ? "utf-16be" : "utf-8";
  return new TextDecoder(name, { fatal: true }).decode(bytes);
}

function table(text) { // rows of cells, as a spreadsheet may have saved them
  const names = text.slice(0, text.search(/[\r\n]|$/)).replace(/"[^"]*("|$)/g, "");
  const [delimiter] = names.match(/[,;\t]/) || [","];
  const found = [];
  let row = [], cell = "", quoted = false;
  const end = () => (row.push(cell), (cell = ""));
  for (let k = 0; k < text.length; k++) {
    const sign = text[k];
    if (quoted && sign === '"' && text[k + 1] === '"') cell += text[k++];
    else if (sign === '"' && (quoted || !cell.trim())) quoted = !quoted;
    else if (quoted) cell += sign;
    else if (sign === delimiter) end();
    else if (sign === "\n" || sign === "\r") end(), found.push(row), (row = []);
    else cell += sign;
  }
  end(), found.push(row);
  return found.filter((cells) => cells.some((each) => each.trim()));
}

const FORMULA = /^'*(?:[\t\r]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/; // as cells.py, which sets an apostrophe before it

function plain(cell) {
  cell = cell.trim();
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}

function read(text) { // the decisions of a CSV, or an error that says where it is wrong
  const [names = [], ...lines] = table(text).map((row) => row.map(plain));
  const columns = ["path", "decision", "new_label"].map((name) => names.indexOf(name));
  if (columns.includes(-1)) throw Error("it has no columns path, decision and new_label");
  const seen = new Set();
  return lines.flatMap((line, k) => {
    const [path, word, label] = columns.map((column) => line[column] || "");
    const decision = word.toLowerCase();
    const name = label.normalize("NFC");
    if (!decision && !label) return [];
    const wrong =
      (!places.has(path) && `${path} is not among the photographs of this page`) ||
      (decision && !["keep", "drop"].includes(decision) && `the decision '${word}' is neither keep nor drop`) ||
      (name && !cells.has(name) && `no photograph has the label '${label}'`) ||
      (decision === "drop" && label && "what is dropped needs no new label") ||
      (seen.has(path) && `${path} is decided on twice`);
    if (wrong) throw Error(`row ${k + 2}: ${wrong}`);
    seen.add(path);
    return [[places.get(path), [decision, name]]];
  });
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([written()], { type: "text/csv" }));
  link.download = "audit.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say(`${rows.filter((i) => kind(i)).length} decisions are saved as audit.csv, where your browser puts downloads.`);
}

async function load(file) {
  try {
    const found = read(decoded(new Uint8Array(await file.arrayBuffer())));
    const other = found.filter(([i, words]) => kind(i) && !same(words, decided[i])).length;
    decide(found);
    say(`${found.length} decisions were loaded` + (other ? `; ${other} of them take the place of others.` : "."));
  } catch (error) {
    const reason = error instanceof TypeError ? "it is neither UTF-8 nor UTF-16" : error.message;
    say(`Nothing was loaded from ${file.name}: ${reason}.`);
  }
}
