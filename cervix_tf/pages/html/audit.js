// The page of an audit: its cards, the filter, mouse, finger and keyboard. What is decided is in
// audit_decisions.js, which comes before.

// What is shown ----------------------------------------------------------------------------------------

const colours = new Map(labels.map((label) => [label.name, label.colour]));
const cards = photographs.map(() => []); // of each photograph, wherever it stands
const groups = []; // nodes with their cards
const large = $("large");
let visible = []; // the cards that the filter leaves
let current = null; // the one that keys are about

const near = new IntersectionObserver( // cards come with their names; pictures and buttons when they are near
  (seen) => seen.forEach(({ isIntersecting, target }) => isIntersecting && draw(target)),
  { rootMargin: "100% 0px" },
);

function draw(card) {
  near.unobserve(card);
  const { picture, line } = photographs[card.index];
  if (picture) card.querySelector("img").src = picture;
  if (line === undefined || card.querySelector(".choice")) return;
  card.append(made("choice"));
  stops(card, card === current);
  mark(card);
}

function words(photograph, measure) {
  const node = made("words");
  const put = (name, text) => (node.querySelector(`.${name}`).textContent = text);
  put("label", photograph.label || "no label");
  if (photograph.label) node.querySelector(".label").style.setProperty("--c", colours.get(photograph.label));
  put("source", photograph.source);
  put("name", photograph.name);
  put("folder", photograph.folder);
  put("flags", photograph.flags.join("; ") + (measure && ` (${measure})`));
  return node;
}

function make(index, measure, group) {
  const photograph = photographs[index];
  const card = made("card");
  Object.assign(card, { index, measure, group });
  card.title = photograph.path;
  card.setAttribute("aria-label", photograph.name);
  card.querySelector(".words").append(words(photograph, measure));
  if (!photograph.picture) {
    card.querySelector(".picture").classList.add("none");
    card.querySelector(".picture").textContent = "cannot be shown";
  }
  near.observe(card);
  cards[index].push(card);
  mark(card);
  return card;
}

function mark(node) { // a card or the large picture: what is decided on it
  node.dataset.kind = kind(node.index);
  const [keep, drop, label] = node.querySelectorAll(".choice > *");
  if (!keep) return;
  keep.setAttribute("aria-pressed", node.dataset.kind === "keep");
  drop.setAttribute("aria-pressed", node.dataset.kind === "drop");
  label.value = decided[node.index][1];
}

function element(tag, className, textContent) {
  return Object.assign(document.createElement(tag), { className, textContent });
}

function assemble() {
  for (const { name } of labels)
    $("choice").content.querySelector("select").append(Object.assign(element("option", "", name), { value: name }));
  document.querySelectorAll("#findings .groups").forEach((place, number) => {
    const finding = audit.findings[number];
    for (const each of finding.groups) {
      const group = element("div", each.kind, "");
      const [head, sheet] = [element("div", "head", ""), element("div", "sheet", "")];
      Object.assign(group, { finding, section: place.closest("section"), whole: each.kind !== "sheet" });
      group.cards = each.cards.map(([index, measure]) => make(index, measure, group));
      for (const [tag, text] of [["h3", each.head], ["span", each.small]])
        if (text) head.append(element(tag, tag === "span" ? "small" : "", text));
      if (of(group).length > 1) {
        head.append(made("choice"));
        const [keep, drop, label] = head.querySelectorAll(".choice > *");
        [keep.textContent, drop.textContent, label[0].textContent] = ["Keep all", "Drop all", "Relabel all"];
      }
      sheet.append(...group.cards);
      group.append(head, sheet);
      if (each.more) group.append(element("p", "", `and ${each.more} more in the CSV`));
      groups.push(group);
      place.append(group);
    }
  });
}

function count() {
  const done = { "": 0, keep: 0, drop: 0, label: 0 };
  for (const i of rows) done[kind(i)]++;
  $("count").textContent =
    `${rows.length - done[""]} of ${rows.length} decided: ${done.keep} kept, ${done.drop} dropped, ${done.label} relabelled`;
  $("undo").disabled = !past.length;
  const left = new Map(groups.map((group) => [group.section, new Set()]));
  for (const group of groups) of(group, true).forEach((i) => kind(i) || left.get(group.section).add(i));
  for (const [section, open] of left) section.querySelector(".left").textContent = `(${open.size || "none"} undecided)`;
}

function say(text) {
  $("note").textContent = text;
  $("note").hidden = !text;
}

function filter() {
  const [flag, source, label, decision] = ["flag", "source", "label", "decision"].map((id) => $(id).value);
  const fits = (i) =>
    photographs[i].line !== undefined &&
    (!source || source === `=${photographs[i].source}`) &&
    (!label || label === `=${photographs[i].label || ""}`) &&
    (!decision || decision === `=${kind(i)}`);
  visible = [];
  const open = new Set();
  for (const group of groups) {
    const wanted = !flag || flag === `=${group.finding.flag}`;
    const fitting = wanted ? group.cards.map((card) => fits(card.index)) : [];
    group.hidden = !fitting.includes(true);
    if (group.hidden) continue;
    open.add(group.section);
    group.cards.forEach((card, k) => {
      card.hidden = !group.whole && !fitting[k]; // a set is shown whole
      if (!card.hidden) card.place = visible.push(card) - 1;
    });
  }
  for (const { section } of groups) section.hidden = !open.has(section);
  $("none").hidden = open.size > 0;
  if (!visible.includes(current)) enter(visible[0]);
}

// Mouse, finger and keyboard ---------------------------------------------------------------------------

function of(group, all) { // the photographs of a group to decide on: those that are shown, or all
  const shown = group.cards.filter((card) => photographs[card.index].line !== undefined && (all || !card.hidden));
  return shown.map((card) => card.index);
}

function stops(node, yes) { // whether the Tab key leads to what is in it
  node.querySelectorAll("button, select").forEach((control) => (control.tabIndex = yes ? 0 : -1));
}

function reachable(card, yes) { // only the current card is, and its set
  card.tabIndex = yes ? 0 : -1;
  stops(card, yes);
  stops(card.group.firstChild, yes);
}

function enter(card) {
  if (current) reachable(current, false);
  if (card) reachable(card, true);
  current = card || null;
}

function go(card) {
  if (!card) return;
  enter(card);
  if (large.open) enlarge();
  card.focus();
}

function beside(step) { // the nearest card of the next row
  const at = current.getBoundingClientRect();
  let best = null, row = null, least = Infinity;
  for (let k = current.place + step; visible[k]; k += step) {
    const there = visible[k].getBoundingClientRect();
    if (Math.abs(there.top - at.top) < at.height / 2) continue;
    row = row === null ? there.top : row;
    if (Math.abs(there.top - row) > at.height / 2) break;
    if (Math.abs(there.left - at.left) < least) [best, least] = [visible[k], Math.abs(there.left - at.left)];
  }
  return best;
}

function enlarge() {
  const photograph = photographs[current.index];
  large.index = current.index;
  const [picture, none] = large.children;
  picture.hidden = !photograph.picture;
  none.hidden = !picture.hidden;
  if (photograph.picture) picture.src = photograph.picture;
  picture.alt = photograph.name;
  large.querySelector(".words").replaceChildren(words({ ...photograph, folder: photograph.path }, current.measure));
  const choice = large.querySelector(".place");
  if (photograph.line === undefined) choice.replaceChildren();
  else if (!choice.firstChild) choice.append(made("choice"));
  stops(large, true);
  mark(large);
  if (!large.open) large.showModal();
}

function targets(node) { // what a button or list is about
  const card = node.closest(".card, dialog");
  return card ? [card.index] : of(node.closest(".set, .sheet, .ranked"));
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (target === large) return large.close(); // beside the picture
  if (!button) return;
  const card = button.closest(".card");
  if (card) enter(card);
  if (button.dataset.choice) {
    const which = targets(button);
    const words = WORDS[button.dataset.choice];
    const again = which.every((i) => same(decided[i], words)); // a second click takes it back
    decide(which.map((i) => [i, again ? NONE : words]));
  } else if (button.dataset.step) {
    if (button.dataset.step === "0") large.close();
    else go(visible[current.place + Number(button.dataset.step)]);
  } else if (button.className === "picture") enlarge();
});

document.addEventListener("change", ({ target }) => {
  if (target.closest(".filters")) filter();
  else if (target.closest(".choice")) {
    const { value } = target;
    if (!target.closest(".card, dialog")) target.value = ""; // that of a set only acts
    decide(targets(target).map((i) => [i, value ? ["", value] : NONE]));
  }
});

document.addEventListener("focusin", ({ target }) => {
  const card = target.closest(".card");
  if (card && card !== current) enter(card);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
  const name = /^[a-z]$/i.test(event.key) ? event.key.toUpperCase() : event.code.replace(/^(Key|Digit|Numpad)/, "");
  if (name === "Z") return undo();
  if (!current || !event.target.closest(".card, dialog")) return;
  const words = { K: WORDS.keep, D: WORDS.drop, U: NONE }[name] || (labels[name - 1] && ["", labels[name - 1].name]);
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[name];
  if (words) {
    const which = event.shiftKey ? of(current.group) : [current.index];
    decide(which.filter((i) => photographs[i].line !== undefined).map((i) => [i, words]));
    const rest = visible.slice(current.place + 1);
    go(rest.find((card) => photographs[card.index].line !== undefined && !(event.shiftKey && card.group === current.group)));
  } else if (step) go(large.open || /Left|Right/.test(name) ? visible[current.place + step] : beside(step));
  else if (name === "Enter" && event.target === current) enlarge();
  else return;
  event.preventDefault();
});

$("save").addEventListener("click", save);
$("undo").addEventListener("click", undo);
$("load").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => {
  if (target.files.length) load(target.files[0]);
  target.value = ""; // so that the same file can be loaded again
});
large.addEventListener("close", () => current.focus());
addEventListener("storage", (event) => event.key === key && recall(event.newValue)); // decided in another tab
addEventListener("beforeprint", () => cards.flat().forEach(draw));

assemble();
filter();
count();
if (location.hash) $(location.hash.slice(1))?.scrollIntoView();
try {
  recall(localStorage.getItem(key));
} catch {
  say("This browser keeps nothing over a reload: save your decisions before you leave the page.");
}
